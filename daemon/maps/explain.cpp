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

// `kind`: as in struct weft_endpoint.
KernelDirection judge(const KernelState& state, std::uint32_t endpoint, int kind, std::uint32_t class_id,
                      std::uint32_t number) {
    KernelDirection result{.endpoint = endpoint, .policy = state.policy_in_force(state.endpoints.at(endpoint), kind)};
    if (result.policy == 0) {
        result.allow = true;
        return result;
    }
    const auto* row = policy_row(state, result.policy, class_id, number);
    if (row == nullptr) {
        result.missing = true;
        return result;
    }
    result.rule = row->rule;
    result.allow = (row->verdict & WEFT_VERDICT_ALLOW) != 0;
    result.by_default = (row->verdict & WEFT_ROW_DEFAULT_DENY) != 0;
    return result;
}

// audit_policies() in datapath/bpf/lib/decision.h.
std::optional<bool> audit(const KernelState& state, const KernelExplanation& said, std::uint32_t to_class,
                          std::uint32_t from_class, std::uint32_t number) {
    std::optional<bool> allow;
    const auto ask = [&](const std::optional<KernelDirection>& side, int direction, std::uint32_t class_id) {
        if (!side || state.policy_in_force(state.endpoints.at(side->endpoint), WEFT_AUDIT + direction) == 0) return;
        const auto verdict = judge(state, side->endpoint, WEFT_AUDIT + direction, class_id, number);
        allow = allow.value_or(true) && verdict.allow;
    };
    ask(said.egress, WEFT_EGRESS, to_class);
    ask(said.ingress, WEFT_INGRESS, from_class);
    return allow;
}

}  // namespace

KernelExplanation explain_from_maps(const KernelState& state, const IpAddr& source, const IpAddr& destination,
                                    std::uint8_t protocol, std::uint16_t port) {
    KernelExplanation result;
    result.generation = state.control.generation;
    const auto *from = state.find(source), *to = state.find(destination);
    result.unknown_source = from == nullptr;
    const bool from_pod = from != nullptr && state.endpoints.contains(from->endpoint);
    const bool to_pod = to != nullptr && state.endpoints.contains(to->endpoint);
    result.unknown_destination = to == nullptr || (!to_pod && (to->flags & WEFT_ADDR_POD_RANGE) != 0);
    if (from == nullptr || to == nullptr) return result;
    const std::uint32_t number = static_cast<std::uint32_t>(protocol) << 16 | port;
    if (from_pod && to_pod && from->endpoint == to->endpoint) {
        result.allow = true;
        return result;
    }
    if (from_pod) result.egress = judge(state, from->endpoint, WEFT_EGRESS, to->class_id, number);
    if (result.egress && !result.egress->allow) return result;
    const bool exempt = (from->flags & WEFT_ADDR_HOST) != 0 && (state.control.flags & WEFT_CONTROL_ALLOW_HOST) != 0;
    if (to_pod && !exempt) result.ingress = judge(state, to->endpoint, WEFT_INGRESS, from->class_id, number);
    result.allow = !result.unknown_destination && (!result.ingress || result.ingress->allow);
    if (result.allow) result.audit_allow = audit(state, result, to->class_id, from->class_id, number);
    return result;
}

}  // namespace weft::maps
