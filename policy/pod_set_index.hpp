// Many PodSets at once (policies' subjects, rules' peers): which of them hold a pod of a namespace with given labels.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/rule.hpp"
#include "policy/selector_index.hpp"

namespace weft::policy {

class PodSetIndex {
  public:
    // Equal sets have one number; numbers are dense from 0. `set` must outlive the index.
    std::uint32_t add(const PodSet& set);
    std::size_t size() const { return sets_; }
    void build();

    // Goes through pods namespace by namespace; what depends on the namespace alone is worked out once in `enter`.
    class Matcher {
      public:
        explicit Matcher(const PodSetIndex& index) : index_(&index), cache_(index.groups_.size()) {}
        // `name` and `labels` must live until the next enter.
        void enter(std::string_view name, const Labels& labels);
        // Replaces `out` by the numbers of the sets that hold such a pod, ascending.
        void match(const Labels& pod_labels, std::vector<std::uint32_t>& out);

      private:
        struct Cached {
            std::uint32_t visit = 0;
            std::vector<std::uint32_t> sets;
        };
        const std::vector<std::uint32_t>& sets_here(std::uint32_t pod_selector);

        const PodSetIndex* index_;
        std::string_view namespace_;
        std::uint32_t visit_ = 0;
        std::vector<std::uint32_t> namespace_selectors_;  // that match the namespace
        std::vector<std::uint32_t> pod_selectors_;
        std::vector<Cached> cache_;  // by pod selector
    };

  private:
    // The sets with one pod selector, by what they say of the namespace: each combination is one set.
    struct Group {
        std::unordered_map<std::string_view, std::uint32_t> by_name;
        std::unordered_map<std::uint32_t, std::uint32_t> by_selector;
    };
    SelectorIndex pods_;
    SelectorIndex namespaces_;
    std::vector<Group> groups_;  // by pod selector
    std::uint32_t sets_ = 0;
};

}  // namespace weft::policy
