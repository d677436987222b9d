#include "daemon/maps/explain.hpp"

namespace weft::maps {

namespace {

// The same binary search as policy_row in datapath/bpf/lib/policy.h.
const weft_port_row* policy_row(const KernelState& state, std::uint32_t policy, std::uint32_t class_id,
                                std::uint32_t number) {
    PortRun run;
    const auto named = state.policy_classes.find({policy, class_id});
    const auto unnamed = state.policies.find(policy);
    if (class_id != WEFT_CLASS_UNKNOWN && named != state.policy_classes.end())
        run = named->second;
    else if (unnamed != state.policies.end())
        run = unnamed->second;
    while (run.count > 1) {
        const auto half = run.count / 2;
        const auto middle = state.port_rows.find(run.start + half);
        if (middle == state.port_rows.end()) return nullptr;
        if (middle->second.first <= number)
            run = {run.start + half, run.count - half};
        else
            run.count = half;
    }
    const auto row = run.count == 1 ? state.port_rows.find(run.start) : state.port_rows.end();
    const bool holds = row != state.port_rows.end() && row->second.first <= number && number <= row->second.last;
    return holds ? &row->second : nullptr;
}

// Whose policies are asked at this end: a pod's, or the node's.
std::optional<std::uint32_t> asked(const KernelState& state, const weft_addr& end) {
    const std::uint32_t number = (end.flags & WEFT_ADDR_HOST) != 0 ? WEFT_NODE_ENDPOINT : end.endpoint;
    return state.endpoints.contains(number) ? std::optional(number) : std::nullopt;
}

// The other end: its class, and the names that it is known by.
struct Other {
    std::uint32_t class_id = 0;
    std::vector<KnownName> names = {};
};

// verdict_by_name() in datapath/bpf/lib/dns_verdict.h.
void judge_by_name(const KernelState& state, std::uint32_t list, const Other& other, KernelDirection& result) {
    const weft_dns_row* best = nullptr;
    for (const auto& known : other.names) {
        const auto row = state.name_rows.find({list, known.class_id});
        if (row == state.name_rows.end() || (best != nullptr && row->second.order >= best->order)) continue;
        best = &row->second;
        result.name = known.name;
    }
    if (best == nullptr) return;
    result.rule = best->rule;
    result.allow = (best->verdict & WEFT_VERDICT_ALLOW) != 0;
    result.by_default = false;
}

// `kind`: as in struct weft_endpoint.
KernelDirection judge(const KernelState& state, std::uint32_t endpoint, int kind, const Other& other,
                      std::uint32_t number) {
    KernelDirection result;
    result.endpoint = endpoint;
    result.policy = state.policy_in_force(state.endpoints.at(endpoint), kind);
    if (result.policy == 0) {
        result.allow = true;
        return result;
    }
    const auto* row = policy_row(state, result.policy, other.class_id, number);
    if (row == nullptr) {
        result.missing = true;
        return result;
    }
    result.rule = row->rule;
    result.allow = (row->verdict & WEFT_VERDICT_ALLOW) != 0;
    result.by_default = (row->verdict & WEFT_ROW_DEFAULT_DENY) != 0;
    judge_by_name(state, row->verdict >> WEFT_ROW_NAMES_SHIFT, other, result);
    return result;
}

// audit_policies() in datapath/bpf/lib/decision.h.
std::optional<bool> audit(const KernelState& state, const KernelExplanation& said, const Other& to, const Other& from,
                          std::uint32_t number) {
    std::optional<bool> allow;
    const auto ask = [&](const std::optional<KernelDirection>& side, int direction, const Other& other) {
        if (!side || state.policy_in_force(state.endpoints.at(side->endpoint), WEFT_AUDIT + direction) == 0) return;
        const auto verdict = judge(state, side->endpoint, WEFT_AUDIT + direction, other, number);
        allow = allow.value_or(true) && verdict.allow;
    };
    ask(said.egress, WEFT_EGRESS, to);
    ask(said.ingress, WEFT_INGRESS, from);
    return allow;
}

}  // namespace

KernelExplanation explain_from_maps(const KernelState& state, const IpAddr& source, const IpAddr& destination,
                                    std::uint8_t protocol, std::uint16_t port, const NamesOf& names) {
    KernelExplanation result;
    result.generation = state.control.generation;
    const auto *from = state.find(source), *to = state.find(destination);
    result.unknown_source = from == nullptr;
    const bool from_pod = from != nullptr && state.endpoints.contains(from->endpoint);
    const bool to_pod = to != nullptr && state.endpoints.contains(to->endpoint);
    result.unknown_destination = to == nullptr || (!to_pod && (to->flags & WEFT_ADDR_POD_RANGE) != 0);
    if (from == nullptr || to == nullptr) return result;
    const std::uint32_t number = static_cast<std::uint32_t>(protocol) << 16 | port;
    const auto source_end = asked(state, *from), destination_end = asked(state, *to);
    if (source_end && source_end == destination_end) {
        result.allow = true;
        return result;
    }
    const Other peer{from->class_id};
    Other target{to->class_id};
    const bool outside = to->identity == WEFT_IDENTITY_WORLD || to->identity == WEFT_IDENTITY_KUBE_APISERVER;
    if (from_pod && to->endpoint == 0 && outside && names) target.names = names(from->endpoint, destination);
    if (source_end) result.egress = judge(state, *source_end, WEFT_EGRESS, target, number);
    if (result.egress && !result.egress->allow) return result;
    const bool exempt =
        to_pod && (from->flags & WEFT_ADDR_HOST) != 0 && (state.control.flags & WEFT_CONTROL_ALLOW_HOST) != 0;
    if (destination_end && !exempt) result.ingress = judge(state, *destination_end, WEFT_INGRESS, peer, number);
    result.allow = !result.unknown_destination && (!result.ingress || result.ingress->allow);
    if (result.allow) result.audit_allow = audit(state, result, target, peer, number);
    return result;
}

}  // namespace weft::maps
