// Many selectors at once: which of them match a set of labels, without trying each.
//
// Every selector is filed under one requirement that a match must fulfil: an equality or In if it has one (the pair
// that the fewest others use), else an Exists, else under "any". Only what is filed under the labels' own pairs is
// tried.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/selector.hpp"

namespace weft::policy {

class SelectorIndex {
  public:
    // Equal selectors have one number; numbers are dense from 0. `selector` must outlive the index.
    std::uint32_t add(const LabelSelector& selector);
    std::size_t size() const { return selectors_.size(); }
    // Files the selectors; after the last add, before the first match.
    void build();
    // Appends the numbers of the selectors that match, each once, in no order.
    void match(const Labels& labels, std::vector<std::uint32_t>& out) const;

  private:
    struct Entry {
        std::uint32_t selector;
        bool decided;  // being filed here is the whole requirement
    };
    using Entries = std::vector<Entry>;
    struct Key {
        Entries exists;
        std::unordered_map<std::string_view, Entries> values;
    };
    using PairCounts = std::unordered_map<std::string_view, std::unordered_map<std::string_view, std::size_t>>;

    void file(std::uint32_t selector, const PairCounts& counts);
    void try_entries(const Entries& entries, const Labels& labels, std::vector<std::uint32_t>& out) const;

    std::vector<const LabelSelector*> selectors_;
    std::unordered_map<std::string, std::uint32_t> numbers_;  // by canonical text
    std::unordered_map<std::string_view, Key> keys_;
    Entries any_;
};

}  // namespace weft::policy
