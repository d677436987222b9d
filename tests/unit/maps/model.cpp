#include "tests/unit/maps/model.hpp"

#include <algorithm>

namespace weft::maps::test {

namespace {

policy::Address address_in(const policy::Image& image, const IpAddr& ip) {
    if (const auto own = image.addresses.find(ip); own != image.addresses.end()) return own->second;
    policy::Address best;
    int length = -1;
    for (const auto& [cidr, address] : image.cidrs)
        if (cidr.contains(ip) && cidr.length > length) {
            best = address;
            length = cidr.length;
        }
    return best;
}

// The row of the image's policy, or nothing if the pod is not isolated.
const policy::PortRow* row_in(const policy::Image& image, std::uint32_t policy, std::uint32_t class_id,
                              std::uint32_t number) {
    if (policy == 0) return nullptr;
    const auto& table = image.policies.at(policy);
    const auto named = table.classes.find(class_id);
    for (const auto& row : named == table.classes.end() ? table.unnamed : named->second)
        if (row.first <= number && number <= row.last) return &row;
    return nullptr;
}

// The datapath's answer: nullopt when the tables lack a row (it drops).
std::optional<weft_port_row> row_in(const KernelState& state, std::uint32_t policy, std::uint32_t class_id,
                                    std::uint32_t number) {
    auto run = PortRun{};
    const auto named = state.policy_classes.find({policy, class_id});
    if (class_id != WEFT_CLASS_UNKNOWN && named != state.policy_classes.end())
        run = named->second;
    else if (const auto unnamed = state.policies.find(policy); unnamed != state.policies.end())
        run = unnamed->second;
    for (std::uint32_t i = 0; i < run.count; ++i) {
        const auto row = state.port_rows.find(run.start + i);
        if (row != state.port_rows.end() && row->second.first <= number && number <= row->second.last)
            return row->second;
    }
    return std::nullopt;
}

}  // namespace

bool indistinguishable(const Verdict& got, const Verdict& expected) {
    if (got.allowed != expected.allowed) return false;
    if (!got.allowed && (got.nobody || expected.nobody)) return true;
    return got.egress_rule == expected.egress_rule && got.ingress_rule == expected.ingress_rule &&
           got.egress_audit == expected.egress_audit && got.ingress_audit == expected.ingress_audit;
}

namespace {

using Audit = std::optional<std::pair<bool, std::uint32_t>>;

Audit audit_in(const policy::Image& image, const policy::Address& own, const policy::Address& peer,
               std::size_t direction, std::uint32_t number) {
    const auto audits = image.audits.find(own.endpoint);
    if (own.endpoint == 0 || audits == image.audits.end()) return std::nullopt;
    const auto* row = row_in(image, audits->second[direction], peer.class_id, number);
    return row == nullptr ? std::nullopt : Audit(std::pair(row->allow, row->rule));
}

}  // namespace

Verdict judge(const policy::Image& image, const Probe& probe) {
    const auto source = address_in(image, probe.source), destination = address_in(image, probe.destination);
    Verdict verdict;
    for (const auto* end : {&source, &destination})
        if (end->pod_range && end->endpoint == 0) verdict.nobody = true;
    if (verdict.nobody) return verdict;
    if (source.endpoint != 0)
        if (const auto* row =
                row_in(image, image.endpoints.at(source.endpoint)[0], destination.class_id, probe.number)) {
            verdict.egress_rule = row->rule;
            if (!row->allow) return verdict;
        }
    if (destination.endpoint != 0)
        if (const auto* row =
                row_in(image, image.endpoints.at(destination.endpoint)[1], source.class_id, probe.number)) {
            verdict.ingress_rule = row->rule;
            if (!row->allow) return verdict;
        }
    verdict.allowed = true;
    verdict.egress_audit = audit_in(image, source, destination, 0, probe.number);
    verdict.ingress_audit = audit_in(image, destination, source, 1, probe.number);
    return verdict;
}

Verdict judge(const KernelState& epoch, const KernelState& source_at, const KernelState& destination_at,
              const KernelState& tables, const Probe& probe) {
    const auto* source = source_at.find(probe.source);
    const auto* destination = destination_at.find(probe.destination);
    Verdict verdict;
    const auto gone = [&](const weft_addr* end) {
        if (end == nullptr) return false;
        if (end->endpoint == 0) return (end->flags & WEFT_ADDR_POD_RANGE) != 0;
        return !tables.endpoints.contains(end->endpoint);
    };
    verdict.nobody = gone(source) || gone(destination);
    if (verdict.nobody) return verdict;
    const auto passes = [&](const weft_addr* pod, const weft_addr* peer, int direction, std::uint32_t& rule) {
        if (pod == nullptr || pod->endpoint == 0) return true;
        const auto policy = tables.endpoints.at(pod->endpoint).policy[epoch.control.epoch][direction];
        if (policy == 0) return true;
        const auto row = row_in(tables, policy, peer == nullptr ? 0 : peer->class_id, probe.number);
        if (row) rule = row->rule;
        return row && (row->verdict & WEFT_VERDICT_ALLOW) != 0;
    };
    verdict.allowed = passes(source, destination, WEFT_EGRESS, verdict.egress_rule) &&
                      passes(destination, source, WEFT_INGRESS, verdict.ingress_rule);
    if (!verdict.allowed) return verdict;
    const auto audit = [&](const weft_addr* pod, const weft_addr* peer, int direction) -> Audit {
        if (pod == nullptr || pod->endpoint == 0) return std::nullopt;
        const auto policy = tables.endpoints.at(pod->endpoint).policy[epoch.control.epoch][WEFT_AUDIT + direction];
        if (policy == 0) return std::nullopt;
        const auto row = row_in(tables, policy, peer == nullptr ? 0 : peer->class_id, probe.number);
        return row ? Audit(std::pair((row->verdict & WEFT_VERDICT_ALLOW) != 0, row->rule))
                   : Audit(std::pair(false, 0U));
    };
    verdict.egress_audit = audit(source, destination, WEFT_EGRESS);
    verdict.ingress_audit = audit(destination, source, WEFT_INGRESS);
    return verdict;
}

Result<void> MemoryKernel::write(const Write& write) {
    const auto position = shared_.attempts++;
    if (std::ranges::find(shared_.refuse, position) != shared_.refuse.end())
        return fail(ErrorCode::kSystem, "write {} refused", position);
    shared_.rows.apply(write);
    shared_.writes.push_back(write);
    if (shared_.keep_history) shared_.history.push_back(shared_.rows);
    return {};
}

Result<void> MemoryKernel::grace() {
    ++shared_.graces;
    shared_.rows.grace_passed();
    if (!shared_.keep_history) return {};
    shared_.waited.push_back(shared_.history.size());
    shared_.history.push_back(shared_.rows);
    return {};
}

KernelState empty_kernel() {
    KernelState state;
    state.capacity = {.addr4 = 1000, .addr6 = 1000, .cidr4 = 100, .cidr6 = 100};
    state.control.generation = 1;
    return state;
}

}  // namespace weft::maps::test
