#include "policy/selector_index.hpp"

#include <limits>

namespace weft::policy {

namespace {

constexpr std::size_t kExistsCost = std::numeric_limits<std::size_t>::max() / 2;  // above every equality, below "any"

}  // namespace

std::uint32_t SelectorIndex::add(const LabelSelector& selector) {
    const auto [at, is_new] = numbers_.try_emplace(selector.text(), static_cast<std::uint32_t>(selectors_.size()));
    if (is_new) selectors_.push_back(&selector);
    return at->second;
}

void SelectorIndex::build() {
    PairCounts counts;
    for (const auto* selector : selectors_)
        for (const auto& requirement : selector->requirements())
            if (requirement.op == Operator::kIn)
                for (const auto& value : requirement.values) ++counts[requirement.key][value];
    for (std::uint32_t i = 0; i < selectors_.size(); ++i) file(i, counts);
}

void SelectorIndex::file(std::uint32_t selector, const PairCounts& counts) {
    const Requirement* best = nullptr;
    std::size_t best_cost = std::numeric_limits<std::size_t>::max();
    const auto& requirements = selectors_[selector]->requirements();
    for (const auto& requirement : requirements) {
        std::size_t cost = best_cost;
        if (requirement.op == Operator::kIn) {
            cost = 0;
            for (const auto& value : requirement.values) cost += counts.at(requirement.key).at(value);
        } else if (requirement.op == Operator::kExists) {
            cost = kExistsCost;
        }
        if (cost >= best_cost) continue;
        best_cost = cost;
        best = &requirement;
    }
    const Entry entry{selector, requirements.size() <= (best != nullptr ? 1U : 0U)};
    if (best == nullptr) {
        any_.push_back(entry);
    } else if (best->op == Operator::kExists) {
        keys_[best->key].exists.push_back(entry);
    } else {
        for (const auto& value : best->values) keys_[best->key].values[value].push_back(entry);
    }
}

void SelectorIndex::try_entries(const Entries& entries, const Labels& labels, std::vector<std::uint32_t>& out) const {
    for (const auto& entry : entries)
        if (entry.decided || selectors_[entry.selector]->matches(labels)) out.push_back(entry.selector);
}

void SelectorIndex::match(const Labels& labels, std::vector<std::uint32_t>& out) const {
    try_entries(any_, labels, out);
    for (const auto& [name, value] : labels) {
        const auto key = keys_.find(name);
        if (key == keys_.end()) continue;
        try_entries(key->second.exists, labels, out);
        if (const auto at = key->second.values.find(value); at != key->second.values.end())
            try_entries(at->second, labels, out);
    }
}

}  // namespace weft::policy
