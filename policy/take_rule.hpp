// A rule of a policy that comes into force: its atoms, each held once more.
#pragma once

#include "policy/specs.hpp"

namespace weft::policy {

class RuleTaker {
  public:
    RuleTaker(const World& world, Atoms& atoms) : world_(world), atoms_(atoms) {}
    CompiledRule take(const Rule& rule, std::uint32_t spec);

  private:
    void peer(const PodSet& set) { out_.pod_sets.push_back(atoms_.pod_sets.acquire(set)); }
    void peer(const IpBlock& block);
    void peer(const NodeSet& set) { trait(set); }
    void peer(Entity entity) { trait(entity); }
    void peer(const CidrGroupRef& ref);
    void peer(const DnsPeer& name) { out_.patterns.push_back(atoms_.patterns.acquire(name.pattern, name.pattern)); }
    void trait(const Trait& trait);
    void member(const Cidr& cidr, const CidrGroupRef& ref);
    void names(const Rule& rule);

    const World& world_;
    Atoms& atoms_;
    CompiledRule out_;
};

// What people are told of the rule.
RuleInfo rule_info(const Policy& policy, const Spec& spec, const Rule& rule);

}  // namespace weft::policy
