#include "policy/pod_set_index.hpp"

#include <algorithm>

namespace weft::policy {

std::uint32_t PodSetIndex::add(const PodSet& set) {
    const auto pods = pods_.add(set.pods);
    if (pods == groups_.size()) groups_.emplace_back();
    Group& group = groups_[pods];
    const auto [number, is_new] = set.namespace_ ? [&] {
        const auto [at, inserted] = group.by_name.try_emplace(*set.namespace_, sets_);
        return std::pair(at->second, inserted);
    }()
                                                 : [&] {
        const auto [at, inserted] = group.by_selector.try_emplace(namespaces_.add(set.namespaces), sets_);
        return std::pair(at->second, inserted);
    }();
    if (is_new) ++sets_;
    return number;
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
}

const std::vector<std::uint32_t>& PodSetIndex::Matcher::sets_here(std::uint32_t pod_selector) {
    Cached& cached = cache_[pod_selector];
    if (cached.visit == visit_) return cached.sets;
    cached.visit = visit_;
    cached.sets.clear();
    const Group& group = index_->groups_[pod_selector];
    if (const auto at = group.by_name.find(namespace_); at != group.by_name.end()) cached.sets.push_back(at->second);
    for (const auto selector : namespace_selectors_) {
        if (group.by_selector.empty()) break;
        if (const auto at = group.by_selector.find(selector); at != group.by_selector.end())
            cached.sets.push_back(at->second);
    }
    return cached.sets;
}

void PodSetIndex::Matcher::match(const Labels& pod_labels, std::vector<std::uint32_t>& out) {
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
