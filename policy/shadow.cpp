#include "policy/shadow.hpp"

#include <algorithm>

#include "policy/coverage.hpp"

namespace weft::policy {

namespace {

// A rule, and where it stands.
struct Standing {
    const Policy& policy;
    const Spec& spec;
    std::size_t index;

    const Rule& rule() const { return spec.rules[index]; }
    bool same_policy(const Standing& other) const { return policy.name == other.policy.name; }
};

// In the NetworkPolicy tier, rules of one priority have no order: all do the same.
bool is_ordered(const Rule& rule) {
    return rule.tier != kNetworkPolicyTier;
}

// Whether `first` is asked before `second`, both of one tier and priority.
bool stands_before(const Standing& first, const Standing& second) {
    if (!first.same_policy(second)) return first.policy.name < second.policy.name;
    if (&first.spec != &second.spec) return &first.spec < &second.spec;
    return first.index < second.index;
}

bool requires_pods(const Policy& policy, const Rule& like) {
    for (const auto& spec : policy.specs)
        for (const auto& rule : spec.rules)
            if (!rule.required.empty() && rule.direction == like.direction && rule.action == like.action) return true;
    return false;
}

// A constrained rule matches less than it says when rules of its direction and action require something. It still
// covers another that is constrained in the same way: of the same action, for the same pods.
bool may_shrink(const Standing& other, const Standing& place, const World& world) {
    const Rule &wide = other.rule(), &rule = place.rule();
    if (!wide.constrained) return false;
    if (rule.constrained && rule.action == wide.action && other.spec.subject == place.spec.subject) return false;
    return requires_pods(place.policy, wide) ||
           std::ranges::any_of(world.policies, [&](const auto& entry) { return requires_pods(*entry.second, wide); });
}

bool shadows(const Standing& other, const Standing& place) {
    const Rule &wide = other.rule(), &rule = place.rule();
    if (wide.tier != rule.tier || wide.priority > rule.priority) return false;
    if (!covers(other.spec.subject, place.spec.subject) || !covers(wide, rule)) return false;
    if (wide.priority < rule.priority || (is_ordered(rule) && stands_before(other, place))) return true;
    if (is_ordered(rule)) return false;
    const bool equal = covers(rule, wide) && covers(place.spec.subject, other.spec.subject);
    return !equal || !other.same_policy(place) || stands_before(other, place);
}

std::optional<Shadow> find_in(const Policy& policy, const Standing& place, const World& world) {
    for (const auto& spec : policy.specs)
        for (std::size_t i = 0; i < spec.rules.size(); ++i) {
            const Standing other{policy, spec, i};
            if (&other.rule() == &place.rule() || !shadows(other, place) || may_shrink(other, place, world)) continue;
            return Shadow{policy.name, other.rule().place(), other.rule().action == place.rule().action};
        }
    return std::nullopt;
}

}  // namespace

std::optional<Shadow> shadow_of(const Policy& policy, const Spec& spec, std::size_t index, const World& world) {
    const Standing place{policy, spec, index};
    // What it requires, other rules are held to.
    if (!place.rule().required.empty()) return std::nullopt;
    if (!place.rule().any_peer && place.rule().peers.empty()) return std::nullopt;
    if (auto found = find_in(policy, place, world)) return found;
    for (const auto& [name, other] : world.policies)
        if (name != policy.name)
            if (auto found = find_in(*other, place, world)) return found;
    return std::nullopt;
}

}  // namespace weft::policy
