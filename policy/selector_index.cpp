#include "policy/selector_index.hpp"

#include <limits>

namespace weft::policy {

namespace {

constexpr std::size_t kExistsCost = std::numeric_limits<std::size_t>::max() / 2;  // above every equality, below "any"

}  // namespace

std::uint32_t SelectorIndex::acquire(const LabelSelector& selector) {
    const auto [at, is_new] = numbers_.try_emplace(selector.text(), 0U);
    if (is_new) {
        at->second = selectors_.add({selector, 0, -1});
        unfiled_.push_back(at->second);
        count(selector, true);
    }
    ++selectors_[at->second].holders;
    return at->second;
}

void SelectorIndex::release(std::uint32_t number) {
    Selector& gone = selectors_[number];
    if (--gone.holders > 0) return;
    if (std::erase(unfiled_, number) == 0)
        places(gone,
               [&](Entries& place) { std::erase_if(place, [&](const Entry& e) { return e.selector == number; }); });
    count(gone.selector, false);
    numbers_.erase(numbers_.find(gone.selector.text()));
    selectors_.erase(number);
}

void SelectorIndex::count(const LabelSelector& selector, bool more) {
    for (const auto& requirement : selector.requirements()) {
        if (requirement.op != Operator::kIn) continue;
        auto& uses = keys_[requirement.key].uses;
        for (const auto& value : requirement.values) {
            const auto at = uses.try_emplace(value, 0U).first;
            if (more)
                ++at->second;
            else if (--at->second == 0)
                uses.erase(at);
        }
    }
}

void SelectorIndex::build() {
    for (const auto number : unfiled_) {
        Selector& fresh = selectors_[number];
        fresh.filed = best_requirement(fresh.selector);
        const Entry entry{number, fresh.selector.requirements().size() <= (fresh.filed >= 0 ? 1U : 0U)};
        places(fresh, [&](Entries& place) { place.push_back(entry); });
    }
    unfiled_.clear();
}

int SelectorIndex::best_requirement(const LabelSelector& selector) const {
    int best = -1;
    std::size_t best_cost = std::numeric_limits<std::size_t>::max();
    const auto& requirements = selector.requirements();
    for (std::size_t i = 0; i < requirements.size(); ++i) {
        std::size_t cost = best_cost;
        if (requirements[i].op == Operator::kIn) {
            cost = 0;
            const auto& uses = keys_.find(requirements[i].key)->second.uses;
            for (const auto& value : requirements[i].values) cost += uses.find(value)->second;
        } else if (requirements[i].op == Operator::kExists) {
            cost = kExistsCost;
        }
        if (cost >= best_cost) continue;
        best_cost = cost;
        best = static_cast<int>(i);
    }
    return best;
}

template <typename Visit>
void SelectorIndex::places(const Selector& selector, const Visit& visit) {
    if (selector.filed < 0) return visit(any_);
    const auto& requirement = selector.selector.requirements()[static_cast<std::size_t>(selector.filed)];
    Key& key = keys_[requirement.key];
    if (requirement.op == Operator::kExists) return visit(key.exists);
    for (const auto& value : requirement.values) {
        visit(key.values[value]);
        if (key.values[value].empty()) key.values.erase(value);
    }
}

void SelectorIndex::try_entries(const Entries& entries, const Labels& labels, std::vector<std::uint32_t>& out) const {
    for (const auto& entry : entries)
        if (entry.decided || selectors_[entry.selector].selector.matches(labels)) out.push_back(entry.selector);
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
