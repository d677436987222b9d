// The distinct label sets (pod labels and namespace) of a world: what identities are made of and selectors are tried
// on.
#pragma once

#include <vector>

#include "policy/numbers.hpp"
#include "policy/world.hpp"

namespace weft::policy {

struct LabelSet {
    std::uint32_t namespace_ = 0;  // index into LabelSets::namespaces
    const Labels* labels = nullptr;
    std::uint32_t identity = 0;
};

struct NamespaceLabels {
    std::string name;
    Labels labels;
};

struct PodEntry {
    const Pod* pod = nullptr;
    std::uint32_t label_set = 0;
};

struct LabelSets {
    std::vector<NamespaceLabels> namespaces;  // those that have pods
    std::vector<LabelSet> sets;               // sets of one namespace mostly stand together
    std::vector<PodEntry> pods;               // without those on the host network
};

// Points into `world`. Errors: kInvalid for labels that cannot be (they would make two sets look alike), and those of
// `numbers`.
Result<LabelSets> collect_label_sets(const World& world, Numbers& numbers);

// The labels by which people know the identity (docs/architecture.md, "Labels of an identity").
std::map<std::string, std::string> identity_labels(const LabelSet& set, const NamespaceLabels& in);

}  // namespace weft::policy
