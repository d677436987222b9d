// Many PodSets at once (policies' subjects, rules' peers): which of them hold a pod of a namespace with given labels.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/rule.hpp"
#include "policy/selector_index.hpp"

namespace weft::policy {

class PodSetIndex {
  public:
    struct Added {
        std::uint32_t number = 0;
        bool is_new = false;
    };
    // Equal sets have one number, held once more. A number that nobody holds stays until it is erased, and may be held
    // again before that.
    Added acquire(const PodSet& set);
    bool release(std::uint32_t number) { return --sets_[number].holders == 0; }  // whether nobody holds it now
    bool held(std::uint32_t number) const { return sets_[number].holders > 0; }
    void erase(std::uint32_t number);
    const PodSet& set(std::uint32_t number) const { return sets_[number].set; }
    void build();
    // Labels that were matched against the sets, ever.
    std::uint64_t evaluations() const { return evaluations_; }

    // Goes through pods namespace by namespace; what depends on the namespace alone is worked out once in `enter`.
    class Matcher {
      public:
        explicit Matcher(const PodSetIndex& index) : index_(&index) {}
        // `name` and `labels` must live until the next enter. After the index was changed, enter again.
        void enter(std::string_view name, const Labels& labels);
        // Replaces `out` by the numbers of the sets that hold such a pod, ascending.
        void match(const Labels& pod_labels, std::vector<std::uint32_t>& out);

      private:
        struct Cached {
            std::uint64_t visit = 0;
            std::vector<std::uint32_t> sets;
        };
        const std::vector<std::uint32_t>& sets_here(std::uint32_t pod_selector);

        const PodSetIndex* index_;
        std::string_view namespace_;
        std::uint64_t visit_ = 0;
        std::vector<std::uint32_t> namespace_selectors_;  // that match the namespace
        std::vector<std::uint32_t> pod_selectors_;
        std::vector<Cached> cache_;  // by pod selector
    };

  private:
    struct Entry {
        PodSet set;
        std::uint32_t pods = 0;                   // selector
        std::optional<std::uint32_t> namespaces;  // selector
        std::uint32_t holders = 0;
    };
    // The sets with one pod selector, by what they say of the namespace: each combination is one set.
    struct Group {
        ByText<std::uint32_t> by_name;
        std::unordered_map<std::uint32_t, std::uint32_t> by_selector;
    };
    SelectorIndex pods_;
    SelectorIndex namespaces_;
    std::unordered_map<std::uint32_t, Group> groups_;  // by pod selector
    Slots<Entry> sets_;
    mutable std::uint64_t evaluations_ = 0;
};

}  // namespace weft::policy
