#include "policy/pod_set_index.hpp"

#include <algorithm>

namespace weft::policy {

PodSetIndex::Added PodSetIndex::acquire(const PodSet& set) {
    Entry entry{.set = {}, .pods = pods_.acquire(set.pods), .namespaces = {}};
    Group& group = groups_[entry.pods];
    std::uint32_t* number = nullptr;
    bool is_new = false;
    if (set.namespace_) {
        const auto [at, inserted] = group.by_name.try_emplace(*set.namespace_, 0U);
        number = &at->second;
        is_new = inserted;
    } else {
        entry.namespaces = namespaces_.acquire(set.namespaces);
        const auto [at, inserted] = group.by_selector.try_emplace(*entry.namespaces, 0U);
        number = &at->second;
        is_new = inserted;
    }
    if (is_new) {
        entry.set = set;
        *number = sets_.add(std::move(entry));
    } else {  // the set itself holds its selectors
        pods_.release(entry.pods);
        if (entry.namespaces) namespaces_.release(*entry.namespaces);
    }
    ++sets_[*number].holders;
    return {*number, is_new};
}

void PodSetIndex::erase(std::uint32_t number) {
    const Entry& gone = sets_[number];
    Group& group = groups_[gone.pods];
    if (gone.set.namespace_)
        group.by_name.erase(*gone.set.namespace_);
    else
        group.by_selector.erase(*gone.namespaces);
    if (group.by_name.empty() && group.by_selector.empty()) groups_.erase(gone.pods);
    pods_.release(gone.pods);
    if (gone.namespaces) namespaces_.release(*gone.namespaces);
    sets_.erase(number);
}

void PodSetIndex::build() {
    pods_.build();
    namespaces_.build();
}

void PodSetIndex::Matcher::enter(std::string_view name, const Labels& labels) {
    namespace_ = name;
    ++visit_;
    namespace_selectors_.clear();
    index_->namespaces_.match(labels, namespace_selectors_);
    cache_.resize(index_->pods_.end());
}

const std::vector<std::uint32_t>& PodSetIndex::Matcher::sets_here(std::uint32_t pod_selector) {
    Cached& cached = cache_[pod_selector];
    if (cached.visit == visit_) return cached.sets;
    cached.visit = visit_;
    cached.sets.clear();
    const Group& group = index_->groups_.at(pod_selector);
    if (const auto at = group.by_name.find(namespace_); at != group.by_name.end()) cached.sets.push_back(at->second);
    for (const auto selector : namespace_selectors_) {
        if (group.by_selector.empty()) break;
        if (const auto at = group.by_selector.find(selector); at != group.by_selector.end())
            cached.sets.push_back(at->second);
    }
    return cached.sets;
}

void PodSetIndex::Matcher::match(const Labels& pod_labels, std::vector<std::uint32_t>& out) {
    ++index_->evaluations_;
    out.clear();
    pod_selectors_.clear();
    index_->pods_.match(pod_labels, pod_selectors_);
    for (const auto selector : pod_selectors_) {
        const auto& sets = sets_here(selector);
        out.insert(out.end(), sets.begin(), sets.end());
    }
    std::ranges::sort(out);
}

}  // namespace weft::policy
