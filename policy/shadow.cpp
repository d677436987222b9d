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
    if (rule.constrained && rule.action == wide.action && other.spec.subject_text() == place.spec.subject_text())
        return false;
    return requires_pods(place.policy, wide) ||
           std::ranges::any_of(world.policies, [&](const auto& entry) { return requires_pods(*entry.second, wide); });
}

// Rules that hand on to the next tier: what stands behind them there may still decide.
bool hands_on(const Policy& policy, Direction direction) {
    return std::ranges::any_of(policy.specs, [&](const Spec& spec) {
        return std::ranges::any_of(
            spec.rules, [&](const Rule& rule) { return rule.direction == direction && rule.action == Action::kPass; });
    });
}

// A rule of an earlier tier that says the opposite. One that says the same is no shadow: each stands for itself there.
bool overrules(const Standing& other, const Standing& place, const World& world) {
    const Rule &wide = other.rule(), &rule = place.rule();
    if (wide.tier >= rule.tier || wide.action == rule.action || wide.action == Action::kPass) return false;
    if (!covers_subject(other.spec, place.spec) || !covers(wide, rule)) return false;
    return !hands_on(place.policy, rule.direction) && std::ranges::none_of(world.policies, [&](const auto& entry) {
        return hands_on(*entry.second, rule.direction);
    });
}

bool shadows(const Standing& other, const Standing& place, const World& world) {
    const Rule &wide = other.rule(), &rule = place.rule();
    if (overrules(other, place, world)) return true;
    if (wide.tier != rule.tier || wide.priority > rule.priority) return false;
    if (!covers_subject(other.spec, place.spec) || !covers(wide, rule)) return false;
    if (wide.priority < rule.priority || (is_ordered(rule) && stands_before(other, place))) return true;
    if (is_ordered(rule)) return false;
    const bool equal = covers(rule, wide) && covers_subject(place.spec, other.spec);
    return !equal || !other.same_policy(place) || stands_before(other, place);
}

Shadow shadow_by(const Standing& other, const Standing& place) {
    return {{{other.policy.name, other.rule().place()}}, other.rule().action == place.rule().action};
}

// Calls visit(other) for every rule that may stand before, in the policy itself first, until it says true.
template <typename Visit>
bool visit_others(const Standing& place, const World& world, const Visit& visit) {
    const auto visit_policy = [&](const Policy& policy) {
        for (const auto& spec : policy.specs)
            for (std::size_t i = 0; i < spec.rules.size(); ++i) {
                const Standing other{policy, spec, i};
                if (&other.rule() != &place.rule() && visit(other)) return true;
            }
        return false;
    };
    if (visit_policy(place.policy)) return true;
    return std::ranges::any_of(world.policies, [&](const auto& entry) {
        const bool counts = place.policy.audit || !entry.second->audit;
        return entry.first != place.policy.name && counts && visit_policy(*entry.second);
    });
}

// The rule cut into one for each peer and port. Empty: there is one only, or there are too many to look at.
std::vector<Rule> pieces_of(const Rule& rule) {
    constexpr std::size_t kMost = 64;
    const std::size_t peers = rule.any_peer ? 1 : rule.peers.size(), ports = rule.any_port ? 1 : rule.ports.size();
    if (peers * ports < 2 || peers * ports > kMost) return {};
    std::vector<Rule> out(peers * ports, rule);
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (!rule.any_peer) out[i].peers = {rule.peers[i % peers]};
        if (!rule.any_port) out[i].ports = {rule.ports[i / peers]};
    }
    return out;
}

// What covers a piece of `place`: among rules without an order only one that is more than a piece of it itself, or each
// would be shadowed by the other.
std::optional<Shadow> shadow_of_piece(const Rule& piece, const Standing& place, const World& world) {
    Spec spec = {.subject = place.spec.subject, .nodes = place.spec.nodes, .isolates = {}, .rules = {piece}, .log = {}};
    const Standing part{place.policy, spec, 0};
    std::optional<Shadow> out;
    visit_others(place, world, [&](const Standing& other) {
        const Rule &wide = other.rule(), &rule = place.rule();
        if (wide.tier != rule.tier || wide.priority > rule.priority || !covers_subject(other.spec, spec) ||
            !covers(wide, piece) || may_shrink(other, part, world))
            return false;
        const bool same_rank = wide.priority == rule.priority;
        if (same_rank && (is_ordered(rule) ? !stands_before(other, place) : covers(rule, wide))) return false;
        out = shadow_by(other, place);
        return true;
    });
    return out;
}

}  // namespace

std::optional<Shadow> shadow_of(const Policy& policy, const Spec& spec, std::size_t index, const World& world) {
    const Standing place{policy, spec, index};
    // What it requires, other rules are held to.
    if (!place.rule().required.empty()) return std::nullopt;
    if (!place.rule().any_peer && place.rule().peers.empty()) return std::nullopt;
    std::optional<Shadow> out;
    const bool whole = visit_others(place, world, [&](const Standing& other) {
        if (!shadows(other, place, world) || may_shrink(other, place, world)) return false;
        out = shadow_by(other, place);
        return true;
    });
    const auto pieces = pieces_of(place.rule());
    if (whole || pieces.empty()) return out;
    out.emplace();
    for (const auto& piece : pieces) {
        const auto found = shadow_of_piece(piece, place, world);
        if (!found) return std::nullopt;
        out->agrees &= found->agrees;
        if (std::ranges::find(out->rules, found->rules.front()) == out->rules.end())
            out->rules.push_back(found->rules.front());
    }
    return out;
}

}  // namespace weft::policy
