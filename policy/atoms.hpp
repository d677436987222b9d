// The policies in force on this node, taken apart: rules with their numbers, and the atoms that the rules' peers and
// ports are made of. A class is a set of atoms.
#pragma once

#include <deque>
#include <vector>

#include "policy/label_sets.hpp"
#include "policy/pod_set_index.hpp"

namespace weft::policy {

// A local endpoint and the specs that select it (indices into Atoms::specs, ascending).
struct Subject {
    const Pod* pod = nullptr;
    std::vector<std::uint32_t> specs;
};

struct CompiledRule {
    const Rule* rule = nullptr;
    std::uint32_t spec = 0;  // index into Atoms::specs
    std::uint32_t number = 0;
    std::vector<std::uint32_t> pod_sets;  // atoms, each list ascending and unique
    std::vector<std::uint32_t> blocks;
    std::vector<std::uint32_t> traits;
    std::vector<std::uint32_t> required;  // pod sets of Rule::required
    std::vector<std::uint32_t>
        names;  // ports that an egress rule names: resolved on the receiving pod, so part of its class
};

struct SpecInForce {
    const Policy* policy = nullptr;
    const Spec* spec = nullptr;
    std::uint32_t first_rule = 0;  // run in Atoms::rules
    std::uint32_t rules = 0;
};

// What an address is besides a pod and a part of blocks: a node of a set, or of an entity.
using Trait = std::variant<NodeSet, Entity>;
std::string text_of(const Trait& trait);  // equal texts mean equal traits

// "TCP/web" as an egress rule has it.
struct PortName {
    std::string_view name;
    std::uint8_t protocol = 0;
};

struct Atoms {
    std::vector<SpecInForce> specs;  // in the order of the policies' names, then of their place
    std::vector<CompiledRule> rules;
    std::vector<Subject> subjects;
    PodSetIndex pod_sets;
    std::vector<const PodSet*> pod_set_of;  // by atom
    std::vector<const IpBlock*> blocks;     // by atom
    std::vector<Trait> traits;              // by atom
    std::vector<PortName> names;            // by atom
    std::deque<IpBlock> resolved;           // blocks that stand for groups
};

// Points into `world`.
Result<Atoms> collect_atoms(const World& world, const LabelSets& sets, Numbers& numbers);

}  // namespace weft::policy
