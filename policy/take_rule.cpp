#include "policy/take_rule.hpp"

#include <algorithm>

namespace weft::policy {

namespace {

// Ascending and unique; what stands twice is held once.
template <typename Set>
void tidy(std::vector<std::uint32_t>& list, Set& atoms) {
    std::ranges::sort(list);
    std::vector<std::uint32_t> out;
    for (const auto atom : list) {
        if (out.empty() || out.back() != atom)
            out.push_back(atom);
        else
            atoms.release(atom);
    }
    list = std::move(out);
}

// Of the tiers with priorities, one that an object can state (a BaselineAdminNetworkPolicy has none).
std::optional<int> stated_priority(const Rule& rule) {
    if (rule.tier == kNetworkPolicyTier || rule.priority > kMaxPriority) return std::nullopt;
    return rule.priority;
}

}  // namespace

RuleInfo rule_info(const Policy& policy, const Spec& spec, const Rule& rule) {
    return {rule.direction,        false,        {policy.name}, rule.index, rule.place(), rule.tier,
            stated_priority(rule), policy.audit, policy.logged, spec.log};
}

CompiledRule RuleTaker::take(const Rule& rule, std::uint32_t spec) {
    out_ = {};
    out_.rule = &rule;
    out_.spec = spec;
    for (const auto& one : rule.peers) std::visit([&](const auto& what) { peer(what); }, one);
    for (const auto& set : rule.required) out_.required.push_back(atoms_.pod_sets.acquire(set));
    if (rule.direction == Direction::kEgress) names(rule);
    tidy(out_.pod_sets, atoms_.pod_sets);
    tidy(out_.required, atoms_.pod_sets);
    tidy(out_.blocks, atoms_.blocks);
    tidy(out_.traits, atoms_.traits);
    tidy(out_.names, atoms_.names);
    tidy(out_.patterns, atoms_.patterns);
    return std::move(out_);
}

void RuleTaker::peer(const IpBlock& block) {
    out_.blocks.push_back(atoms_.blocks.acquire("addresses " + block.text(), block));
}

void RuleTaker::trait(const Trait& trait) {
    out_.traits.push_back(atoms_.traits.acquire(text_of(trait), trait));
}

void RuleTaker::peer(const CidrGroupRef& ref) {
    for (const auto& [name, group] : world_.cidr_groups) {
        if (ref.name.empty() ? !ref.groups.matches(group->labels) : ref.name != name) continue;
        for (const auto& cidr : group->cidrs) member(cidr, ref);
    }
}

// A group's prefix without the excepts that are in it; nothing when one covers it.
void RuleTaker::member(const Cidr& cidr, const CidrGroupRef& ref) {
    IpBlock block{.cidr = cidr, .except = {}, .outside = true};
    for (const auto& hole : ref.except) {
        if (hole.contains(cidr)) return;
        if (cidr.contains(hole)) block.except.push_back(hole);
    }
    peer(block);
}

void RuleTaker::names(const Rule& rule) {
    for (const auto& port : rule.ports)
        if (!port.name.empty())
            out_.names.push_back(atoms_.names.acquire(fmt::format("{}/{}", port.protocol, port.name),
                                                      PortName{port.name, port.protocol}));
}

}  // namespace weft::policy
