#include "daemon/maps/plan.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "daemon/maps/classes.hpp"
#include "daemon/maps/names.hpp"
#include "daemon/maps/tables.hpp"
#include "datapath/abi/names.h"

namespace weft::maps {

namespace {

weft_addr row_of(const policy::Address& wanted, std::uint32_t class_id) {
    std::uint32_t flags = 0;
    if (wanted.host) flags |= WEFT_ADDR_HOST;
    if (wanted.no_masquerade) flags |= WEFT_ADDR_NO_MASQUERADE;
    if (wanted.pod_range) flags |= WEFT_ADDR_POD_RANGE;
    return {wanted.identity, class_id, wanted.endpoint, flags};
}

weft_ip ip_or_zero(const std::optional<IpAddr>& address) {
    weft_ip out{};
    if (address) std::memcpy(out.b, address->bytes().data(), sizeof out.b);
    return out;
}

weft_control control_of(const weft_control& present, const NodeSettings& s) {
    weft_control control = present;
    control.uplink_ifindex = s.uplink_ifindex;
    control.flags = s.allow_host ? std::uint32_t{WEFT_CONTROL_ALLOW_HOST} : 0;
    control.masquerade4 = s.masquerade4 ? s.masquerade4->v4() : 0;
    control.masquerade6 = ip_or_zero(s.masquerade6);
    control.gateway4 = s.gateway4 ? s.gateway4->v4() : 0;
    control.gateway6 = ip_or_zero(s.gateway6);
    control.masquerade_port_first = s.masquerade_port_first;
    control.masquerade_port_last = s.masquerade_port_last;
    control.timeout_tcp = s.timeout_tcp;
    control.timeout_closing = s.timeout_closing;
    control.timeout_udp = s.timeout_udp;
    control.timeout_other = s.timeout_other;
    control.timeout_half_open = s.timeout_half_open;
    control.drop_interval_ms = s.drop_interval_ms;
    return control;
}

bool is_v4(const IpAddr& ip) {
    return ip.is_v4();
}
bool is_v4(const Cidr& cidr) {
    return cidr.address.is_v4();
}

class Planner {
  public:
    Planner(const KernelState& state, const policy::Image& image, const std::vector<LocalEndpoint>& endpoints,
            const NodeSettings& settings, PortSets& sets, const std::optional<Known>& known)
        : state_(state), image_(image), endpoints_(endpoints), settings_(settings), sets_(sets), known_(known) {
        if (known) touched_ = Touched::of(state, image, known->delta);
    }

    Result<void> read_endpoints();
    Result<void> names();
    // One attempt; says whether the epoch must change.
    Result<bool> tables(bool strict);
    bool sound() const { return classes_->sound(); }
    Result<Plan> writes(bool flip);

  private:
    Result<void> check_room() const;
    weft_endpoint endpoint_row(const LocalEndpoint& endpoint, bool flip) const;
    // A pod that is not there yet, or the node, which always was.
    std::uint32_t before_the_first(const LocalEndpoint& endpoint) const {
        return endpoint.number == image_.node_endpoint ? 0 : kBarredPolicy;
    }
    void endpoints(bool flip);
    void addresses(bool flip);
    template <typename Put, typename Wanted, typename Present>
    void rows(const Wanted& wanted, const Present& present, bool flip);
    template <typename Put, typename Key>
    void put_row(const Key& key, const policy::Address& wanted, const weft_addr* before);
    template <typename Put, typename Key>
    void take_row(const Key& key, const weft_addr& row, bool flip);
    template <typename Put, typename Key>
    void touched_rows(const std::vector<TouchedRow<Key>>& rows, bool flip);
    void bar_leavers(bool flip);
    void leave();
    void finish(bool flip);
    // The image's number; `kind` as in struct weft_endpoint.
    std::uint32_t image_policy(std::uint32_t endpoint, int kind) const {
        if (kind < WEFT_AUDIT) return image_.endpoints.at(endpoint)[static_cast<std::size_t>(kind)];
        const auto audits = image_.audits.find(endpoint);
        return audits == image_.audits.end() ? 0 : audits->second[static_cast<std::size_t>(kind - WEFT_AUDIT)];
    }
    bool reads_dns(std::uint32_t endpoint) const {
        return image_.named_policies.contains(image_policy(endpoint, WEFT_EGRESS)) ||
               image_.named_policies.contains(image_policy(endpoint, WEFT_AUDIT + WEFT_EGRESS));
    }
    std::uint32_t wanted_policy(std::uint32_t endpoint, int kind) const {
        return tables_.number.at(image_policy(endpoint, kind));
    }

    const KernelState& state_;
    const policy::Image& image_;
    const std::vector<LocalEndpoint>& endpoints_;
    const NodeSettings& settings_;
    PortSets& sets_;
    const std::optional<Known>& known_;
    Touched touched_;                  // with known_
    std::set<std::uint32_t> numbers_;  // of endpoints_
    std::set<std::uint32_t> stable_;   // those that were there with the same device
    std::optional<ClassPlan> classes_;
    TablePlan tables_;
    NamePlan names_;
    Plan plan_;
    std::vector<Write> additions_;  // rows for addresses and prefixes that had none
    std::vector<Write> new_pods_;   // the same for addresses of pods of this node
    bool alters_ = false;           // some write of `before` changes a row that decisions are made of
};

Result<void> Planner::read_endpoints() {
    for (const auto& endpoint : endpoints_) {
        if (endpoint.number == 0 || endpoint.number >= WEFT_MAX_ENDPOINTS)
            return fail(ErrorCode::kExhausted, "endpoint number {} is not between 1 and {}", endpoint.number,
                        WEFT_MAX_ENDPOINTS - 1);
        if (endpoint.ifindex == 0) return fail(ErrorCode::kInternal, "endpoint {} has no device", endpoint.number);
        if (!numbers_.insert(endpoint.number).second)
            return fail(ErrorCode::kInternal, "endpoint number {} is there twice", endpoint.number);
        if (!image_.endpoints.contains(endpoint.number))
            return fail(ErrorCode::kInternal, "endpoint {} was not compiled", endpoint.number);
        const auto row = state_.endpoints.find(endpoint.number);
        if (row != state_.endpoints.end() && row->second.ifindex == endpoint.ifindex) stable_.insert(endpoint.number);
    }
    return {};
}

Result<void> Planner::names() {
    WEFT_TRY(planned, plan_names(state_, image_, sets_.lists()));
    names_ = std::move(planned);
    sets_.set_lists(names_.lists);
    return {};
}

Result<bool> Planner::tables(bool strict) {
    classes_.emplace(state_, image_, stable_, strict, known_, touched_);
    std::set<std::uint32_t> wanted;
    std::map<std::uint32_t, std::set<std::uint32_t>> prefer;
    for (const auto number : numbers_) {
        for (int kind = 0; kind < WEFT_POLICY_KINDS; ++kind) {
            const auto policy = image_policy(number, kind);
            wanted.insert(policy);
            if (!known_ && stable_.contains(number))
                prefer[policy].insert(state_.policy_in_force(state_.endpoints.at(number), kind));
        }
    }
    WEFT_TRY(tables, plan_tables(state_, image_, wanted, prefer, *classes_, sets_, known_));
    tables_ = std::move(tables);
    return std::ranges::any_of(stable_, [&](std::uint32_t number) {
        const auto& row = state_.endpoints.at(number);
        for (int kind = 0; kind < WEFT_POLICY_KINDS; ++kind)
            if (state_.policy_in_force(row, kind) != wanted_policy(number, kind)) return true;
        return false;
    });
}

weft_endpoint Planner::endpoint_row(const LocalEndpoint& endpoint, bool flip) const {
    const bool is_new = !stable_.contains(endpoint.number);
    const std::uint32_t now = state_.control.epoch & 1, next = now ^ 1;
    weft_endpoint row = is_new ? weft_endpoint{} : state_.endpoints.at(endpoint.number);
    row.ifindex = endpoint.ifindex;
    row.identity = endpoint.identity;
    std::memcpy(row.mac, endpoint.mac.data(), sizeof row.mac);
    row.flags = reads_dns(endpoint.number) ? WEFT_ENDPOINT_DNS : 0;
    for (int kind = 0; kind < WEFT_POLICY_KINDS; ++kind) {
        if (is_new || flip) row.policy[next][kind] = wanted_policy(endpoint.number, kind);
        if (is_new) row.policy[now][kind] = flip ? before_the_first(endpoint) : wanted_policy(endpoint.number, kind);
    }
    return row;
}

void Planner::endpoints(bool flip) {
    for (const auto& endpoint : endpoints_) {
        const auto row = endpoint_row(endpoint, flip);
        const auto present = state_.endpoints.find(endpoint.number);
        if (present != state_.endpoints.end() && same(present->second, row)) continue;
        plan_.before.emplace_back(PutEndpoint{endpoint.number, row});
        alters_ = true;
        if (!stable_.contains(endpoint.number))
            plan_.reuses_endpoint |=
                present != state_.endpoints.end() || state_.recent_endpoints.contains(endpoint.number);
    }
}

template <typename Put, typename Key>
void Planner::put_row(const Key& key, const policy::Address& wanted, const weft_addr* before) {
    const auto row = row_of(wanted, classes_->number(key, wanted, before));
    if (before == nullptr) {
        (wanted.endpoint == 0 ? additions_ : new_pods_).emplace_back(Put{key, row});
        alters_ = true;
        return;
    }
    if (same(*before, row)) return;
    plan_.before.emplace_back(Put{key, row});
    alters_ = true;  // a new class alone as well: the programs remember classes for a generation (`decisions`)
}

template <typename Put, typename Key>
void Planner::take_row(const Key& key, const weft_addr& row, bool flip) {
    auto leaving = row;
    leaving.class_id = classes_->leaving(key, row);
    if (flip && !same(leaving, row)) plan_.before.emplace_back(Put{key, leaving});
    (row.endpoint == 0 ? plan_.removals : plan_.after).emplace_back(Put{key, std::nullopt});
}

template <typename Put, typename Wanted, typename Present>
void Planner::rows(const Wanted& wanted, const Present& present, bool flip) {
    for (const auto& [key, address] : wanted) put_row<Put>(key, address, find_row(present, key));
    for (const auto& [key, row] : present)
        if (!wanted.contains(key)) take_row<Put>(key, row, flip);
}

template <typename Put, typename Key>
void Planner::touched_rows(const std::vector<TouchedRow<Key>>& rows, bool flip) {
    for (const auto& [key, wanted, row] : rows) {
        if (wanted != nullptr)
            put_row<Put>(*key, *wanted, row);
        else if (row != nullptr)
            take_row<Put>(*key, *row, flip);
    }
}

// Moves first, new pods last: a newcomer must find its peers as they will be.
void Planner::addresses(bool flip) {
    if (known_) {
        touched_rows<PutCidr>(touched_.cidrs, flip);
        touched_rows<PutAddress>(touched_.addresses, flip);
    } else {
        rows<PutCidr>(image_.cidrs, state_.cidrs, flip);
        rows<PutAddress>(image_.addresses, state_.addresses, flip);
    }
    const bool meets = !additions_.empty() || !new_pods_.empty();
    if (flip || meets) bar_leavers(flip);
    plan_.before.insert(plan_.before.end(), additions_.begin(), additions_.end());
    plan_.before.insert(plan_.before.end(), new_pods_.begin(), new_pods_.end());
}

void Planner::bar_leavers(bool flip) {
    const std::uint32_t now = state_.control.epoch & 1;
    for (const auto& [number, row] : state_.endpoints) {
        if (numbers_.contains(number)) continue;
        auto barred = row;
        for (auto& policy : barred.policy[flip ? now ^ 1 : now]) policy = kBarredPolicy;
        if (!same(barred, row)) plan_.before.emplace_back(PutEndpoint{number, barred});
    }
}

void Planner::leave() {
    for (const auto& [number, row] : state_.endpoints)
        if (!numbers_.contains(number)) plan_.after.emplace_back(PutEndpoint{number, weft_endpoint{}});
}

void Planner::finish(bool flip) {
    const auto control = control_of(state_.control, settings_);
    if (!same(control, state_.control)) {
        plan_.before.emplace_back(PutControl{control});
        alters_ = true;
    }
    auto generation = state_.control.generation;
    const auto epoch = state_.control.epoch ^ (flip ? 1U : 0U) ^ (names_.flips ? 2U : 0U);
    const auto raise = [&] {
        generation = next_generation(generation);
        return PutEpoch{generation, epoch};
    };
    if (flip || names_.flips || alters_ || generation == 0) plan_.commit = raise();
    if (!plan_.after.empty() || !plan_.removals.empty()) plan_.end = raise();
    plan_.flips = flip || names_.flips;
    plan_.kernel_policy = tables_.number;
    for (const auto& group : classes_->groups()) plan_.classes.emplace_back(group.number, group.target);
    plan_.all_classes = !known_;
}

// Every row of both images, for erasures come last.
Result<void> Planner::check_room() const {
    const auto check = [](std::string_view map, std::size_t rows, std::uint32_t limit) -> Result<void> {
        if (rows <= limit) return {};
        return fail(ErrorCode::kExhausted, "{} rows are needed in map {}, it has {}", rows, map, limit);
    };
    const auto count = [&](std::array<std::size_t, 2> rows, const auto& present, const auto& wanted,
                           const auto& touched) {
        for (const auto& [key, address, row] : touched)
            if (row == nullptr && address != nullptr) ++rows[is_v4(*key) ? 0 : 1];
        if (known_) return rows;
        for (const auto& [key, row] : wanted)
            if (!present.contains(key)) ++rows[is_v4(key) ? 0 : 1];
        return rows;
    };
    const auto single = count(state_.address_rows, state_.addresses, image_.addresses, touched_.addresses);
    const auto prefix = count(state_.cidr_rows, state_.cidrs, image_.cidrs, touched_.cidrs);
    WEFT_CHECK(check(WEFT_MAP_ADDR4, single[0], state_.capacity.addr4));
    WEFT_CHECK(check(WEFT_MAP_ADDR6, single[1], state_.capacity.addr6));
    WEFT_CHECK(check(WEFT_MAP_CIDR4, prefix[0], state_.capacity.cidr4));
    return check(WEFT_MAP_CIDR6, prefix[1], state_.capacity.cidr6);
}

Result<Plan> Planner::writes(bool flip) {
    WEFT_CHECK(check_room());
    plan_.before = std::move(names_.writes);
    plan_.before.insert(plan_.before.end(), tables_.writes.begin(), tables_.writes.end());
    endpoints(flip);
    addresses(flip);
    leave();
    finish(flip);
    return std::move(plan_);
}

}  // namespace

Result<Plan> make_plan(const KernelState& state, const policy::Image& image,
                       const std::vector<LocalEndpoint>& endpoints, const NodeSettings& settings, PortSets& sets,
                       const std::optional<Known>& known) {
    Planner planner(state, image, endpoints, settings, sets, known);
    WEFT_CHECK(planner.read_endpoints());
    WEFT_CHECK(planner.names());
    // A table that was made of nothing means a flip, nearly always: then the first attempt need not be made.
    const bool guess =
        known && std::ranges::any_of(known->delta.policies, [](const auto& table) { return table.second.from == 0; });
    WEFT_TRY(flip, planner.tables(guess));
    bool strict = guess;
    if (!flip && strict) {
        WEFT_TRY(really, planner.tables(false));
        flip = really;
        strict = false;
    }
    if (flip && !strict) WEFT_CHECK(planner.tables(true));
    if (!planner.sound()) return make_plan(state, image, endpoints, settings, sets, std::nullopt);
    return planner.writes(flip);
}

}  // namespace weft::maps
