#include "daemon/maps/kernel_state.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace weft::maps {

namespace {

template <typename Map>
void put(Map& rows, const typename Map::key_type& key, const std::optional<typename Map::mapped_type>& value) {
    if (value)
        rows.insert_or_assign(key, *value);
    else
        rows.erase(key);
}

template <typename Map>
std::optional<typename Map::mapped_type> row_of(const Map& rows, const typename Map::key_type& key) {
    const auto found = rows.find(key);
    return found == rows.end() ? std::nullopt : std::optional(found->second);
}

// An address row is about to be `next`: packets that read the present one may carry its class for a while.
void note_class(std::set<std::uint32_t>& recent, const std::optional<weft_addr>& present,
                const std::optional<weft_addr>& next) {
    if (present && (!next || next->class_id != present->class_id)) recent.insert(present->class_id);
}

std::size_t one_if(bool there) {
    return there ? 1 : 0;
}

std::size_t family(const IpAddr& ip) {
    return ip.is_v4() ? 0 : 1;
}

struct Applied {
    KernelState& state;

    void forget_if_none(std::uint32_t class_id) const {
        if (const auto at = state.classes.find(class_id); at != state.classes.end() && at->second.none())
            state.classes.erase(at);
    }
    static void join(ClassRows& rows, const IpAddr& ip) {
        rows.joined.push_back(ip);
        ++rows.addresses;
    }
    // What left takes no more room than what is there.
    void compact(std::uint32_t class_id) const {
        constexpr std::size_t kFew = 64;
        auto& rows = state.classes.at(class_id);
        if (rows.joined.size() > 2 * rows.addresses + kFew) rows.joined = state.addresses_of(rows, class_id);
    }
    void recarry(const IpAddr& ip, const std::optional<weft_addr>& before, const std::optional<weft_addr>& now) const {
        if (before && now && before->class_id == now->class_id) return;
        if (before) --state.classes[before->class_id].addresses;
        if (now) join(state.classes[now->class_id], ip);
        if (before) forget_if_none(before->class_id);
        state.address_rows[family(ip)] += one_if(now.has_value()) - one_if(before.has_value());
    }
    void recarry(const Cidr& cidr, const std::optional<weft_addr>& before, const std::optional<weft_addr>& now) const {
        if (before) state.classes[before->class_id].cidrs.erase(cidr);
        if (now) state.classes[now->class_id].cidrs.insert(cidr);
        if (before) forget_if_none(before->class_id);
        state.cidr_rows[family(cidr.address)] += one_if(now.has_value()) - one_if(before.has_value());
    }

    void operator()(const PutPortRow& w) const { state.port_rows.insert_or_assign(w.index, w.row); }
    void name(const std::optional<PortRun>& before, const std::optional<PortRun>& now) const {
        if (now) {
            ++state.run_holders[*now];
            state.unnamed_runs.erase(*now);
        }
        if (!before) return;
        const auto at = state.run_holders.find(*before);
        if (at == state.run_holders.end() || --at->second > 0) return;
        state.run_holders.erase(at);
        state.unnamed_runs.insert(*before);
    }
    void operator()(const PutPolicy& w) const {
        name(row_of(state.policies, w.number), w.run.count == 0 ? std::nullopt : std::optional(w.run));
        put(state.policies, w.number, w.run.count == 0 ? std::nullopt : std::optional(w.run));
    }
    void operator()(const PutPolicyClass& w) const {
        const auto before = row_of(state.policy_classes, w.key);
        name(before, w.run);
        put(state.policy_classes, w.key, w.run);
        auto& tables = state.classes[w.key.second].tables;
        if (w.run && !before) tables.push_back(w.key.first);
        if (!w.run && before) std::erase(tables, w.key.first);
        forget_if_none(w.key.second);
    }
    void operator()(const PutEndpoint& w) const {
        if (w.row.ifindex == 0) state.recent_endpoints.insert(w.number);
        put(state.endpoints, w.number, w.row.ifindex == 0 ? std::nullopt : std::optional(w.row));
    }
    void operator()(const PutAddress& w) const {
        const auto at = state.addresses.find(w.address);
        const bool there = at != state.addresses.end();
        const auto before = there ? std::optional(at->second) : std::nullopt;
        note_class(state.recent_classes, before, w.row);
        recarry(w.address, before, w.row);
        if (there && w.row)
            at->second = *w.row;
        else if (there)
            state.addresses.erase(at);
        else
            put(state.addresses, w.address, w.row);
        if (w.row) compact(w.row->class_id);
    }
    void operator()(const PutCidr& w) const {
        const auto before = row_of(state.cidrs, w.cidr);
        note_class(state.recent_classes, before, w.row);
        recarry(w.cidr, before, w.row);
        put(state.cidrs, w.cidr, w.row);
    }
    void operator()(const PutControl& w) const {
        const auto generation = state.control.generation, epoch = state.control.epoch;
        state.control = w.control;
        state.control.generation = generation;
        state.control.epoch = epoch;
    }
    void operator()(const PutEpoch& w) const {
        state.control.generation = w.generation;
        state.control.epoch = w.epoch;
    }
    void operator()(const ResetRule&) const {}
    void operator()(const PutNameRow& w) const { put(state.name_rows, w.key, w.row); }
    void operator()(const PutAutomaton& w) const { state.automata[w.index] = AutomatonName::of(*w.row); }
};

struct Inverse {
    const KernelState& state;

    Write operator()(const PutPortRow& w) const {
        return PutPortRow{w.index, row_of(state.port_rows, w.index).value_or(weft_port_row{})};
    }
    Write operator()(const PutPolicy& w) const {
        return PutPolicy{w.number, row_of(state.policies, w.number).value_or(PortRun{})};
    }
    Write operator()(const PutPolicyClass& w) const {
        return PutPolicyClass{w.key, row_of(state.policy_classes, w.key)};
    }
    Write operator()(const PutEndpoint& w) const {
        return PutEndpoint{w.number, row_of(state.endpoints, w.number).value_or(weft_endpoint{})};
    }
    Write operator()(const PutAddress& w) const { return PutAddress{w.address, row_of(state.addresses, w.address)}; }
    Write operator()(const PutCidr& w) const { return PutCidr{w.cidr, row_of(state.cidrs, w.cidr)}; }
    Write operator()(const PutControl&) const { return PutControl{state.control}; }
    Write operator()(const PutEpoch&) const { return PutEpoch{state.control.generation, state.control.epoch}; }
    Write operator()(const ResetRule& w) const { return w; }
    Write operator()(const PutNameRow& w) const { return PutNameRow{w.key, row_of(state.name_rows, w.key)}; }
    Write operator()(const PutAutomaton& w) const { return w; }  // not in force, and so of no account
};

template <typename T>
bool same_bytes(const T& a, const T& b) {
    static_assert(std::is_trivially_copyable_v<T>);
    return std::memcmp(&a, &b, sizeof(T)) == 0;
}

}  // namespace

void KernelState::recount() {
    classes.clear();
    address_rows = cidr_rows = {};
    for (const auto& [address, row] : addresses) {
        Applied::join(classes[row.class_id], address);
        ++address_rows[family(address)];
    }
    for (const auto& [cidr, row] : cidrs) {
        classes[row.class_id].cidrs.insert(cidr);
        ++cidr_rows[family(cidr.address)];
    }
    run_holders.clear();
    unnamed_runs.clear();
    for (const auto& [number, run] : policies) ++run_holders[run];
    for (const auto& [key, run] : policy_classes) {
        classes[key.second].tables.push_back(key.first);
        ++run_holders[run];
    }
    auto row = port_rows.begin();  // what no table names is as good as free
    for (const auto& [run, holders] : run_holders) {
        row = port_rows.erase(row, port_rows.lower_bound(run.start));
        row = port_rows.lower_bound(run.start + run.count);
    }
    port_rows.erase(row, port_rows.end());
}

AutomatonName AutomatonName::of(const weft_dns_automaton& row) {
    AutomatonName out{.serial = row.serial, .digest = {}};
    std::ranges::copy(row.digest, out.digest.begin());
    return out;
}

void KernelState::apply(const Write& write) {
    std::visit(Applied{*this}, write);
}

Write KernelState::inverse(const Write& write) const {
    return std::visit(Inverse{*this}, write);
}

std::vector<IpAddr> KernelState::addresses_of(const ClassRows& rows, std::uint32_t number) const {
    auto out = rows.joined;
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    std::erase_if(out, [&](const IpAddr& ip) {
        const auto* row = find_row(addresses, ip);
        return row == nullptr || row->class_id != number;
    });
    return out;
}

void KernelState::grace_passed() {
    recent_classes.clear();
    recent_endpoints.clear();
}

std::vector<PortRun> KernelState::forget_unnamed_port_rows() {
    std::vector<PortRun> out(unnamed_runs.begin(), unnamed_runs.end());
    for (const auto& run : out)
        port_rows.erase(port_rows.lower_bound(run.start), port_rows.lower_bound(run.start + run.count));
    unnamed_runs.clear();
    return out;
}

const weft_addr* KernelState::find(const IpAddr& address) const {
    if (const auto own = addresses.find(address); own != addresses.end()) return &own->second;
    return longest_prefix(cidrs, Cidr::of(address, address.bits()), true);
}

const weft_addr* KernelState::parent(const Cidr& cidr) const {
    return longest_prefix(cidrs, cidr, false);
}

// The structs have no padding (asserted in the ABI), so bytes are values.
bool same(const weft_addr& a, const weft_addr& b) {
    return same_bytes(a, b);
}
bool same(const weft_endpoint& a, const weft_endpoint& b) {
    return same_bytes(a, b);
}
bool same(const weft_control& a, const weft_control& b) {
    return same_bytes(a, b);
}

}  // namespace weft::maps
