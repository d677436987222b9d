// The policies in force on this node, taken apart: rules with their numbers, and the atoms that the rules' peers and
// ports are made of. A class is a set of atoms.
#pragma once

#include <vector>

#include "policy/label_sets.hpp"
#include "policy/pod_set_index.hpp"

namespace weft::policy {

// A local endpoint and the policies that select it (indices into Atoms::policies, ascending).
struct Subject {
    const Pod* pod = nullptr;
    std::vector<std::uint32_t> policies;
};

struct CompiledRule {
    const Rule* rule = nullptr;
    std::uint32_t policy = 0;  // index into Atoms::policies
    std::uint32_t number = 0;
    std::vector<std::uint32_t> pod_sets;  // atoms, each list ascending and unique
    std::vector<std::uint32_t> blocks;
    std::vector<std::uint32_t>
        names;  // ports that an egress rule names: resolved on the receiving pod, so part of its class
};

struct PolicyInForce {
    const Policy* policy = nullptr;
    std::uint32_t first_rule = 0;  // run in Atoms::rules
    std::uint32_t rules = 0;
};

// "TCP/web" as an egress rule has it.
struct PortName {
    std::string_view name;
    std::uint8_t protocol = 0;
};

struct Atoms {
    std::vector<PolicyInForce> policies;  // in the order of their names
    std::vector<CompiledRule> rules;
    std::vector<Subject> subjects;
    PodSetIndex pod_sets;
    std::vector<const PodSet*> pod_set_of;  // by atom
    std::vector<const IpBlock*> blocks;     // by atom
    std::vector<PortName> names;            // by atom
};

// Points into `world`.
Result<Atoms> collect_atoms(const World& world, const LabelSets& sets, Numbers& numbers);

}  // namespace weft::policy
