// Many selectors at once: which of them match a set of labels, without trying each.
//
// Every selector is filed under one requirement that a match must fulfil: an equality or In if it has one (the pair
// that the fewest others used when it was filed), else an Exists, else under "any". Only what is filed under the
// labels' own pairs is tried.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "policy/selector.hpp"
#include "policy/slots.hpp"
#include "policy/text_hash.hpp"

namespace weft::policy {

class SelectorIndex {
  public:
    // Equal selectors have one number, as long as one of them is held.
    std::uint32_t acquire(const LabelSelector& selector);
    void release(std::uint32_t number);
    std::uint32_t end() const { return selectors_.end(); }  // every number is below
    // Files what is new; after the last acquire, before the next match.
    void build();
    // Appends the numbers of the selectors that match, each once, in no order.
    void match(const Labels& labels, std::vector<std::uint32_t>& out) const;

  private:
    struct Selector {
        LabelSelector selector;
        std::uint32_t holders = 0;
        int filed = -1;  // the requirement under which it stands; -1: under "any"
    };
    struct Entry {
        std::uint32_t selector;
        bool decided;  // being filed here is the whole requirement
    };
    using Entries = std::vector<Entry>;
    struct Key {
        Entries exists;
        ByText<Entries> values;
        ByText<std::size_t> uses;  // selectors that ask for this value
    };

    void count(const LabelSelector& selector, bool more);
    int best_requirement(const LabelSelector& selector) const;
    template <typename Visit>
    void places(const Selector& selector, const Visit& visit);
    void try_entries(const Entries& entries, const Labels& labels, std::vector<std::uint32_t>& out) const;

    Slots<Selector> selectors_;
    std::vector<std::uint32_t> unfiled_;
    ByText<std::uint32_t> numbers_;  // by canonical text
    ByText<Key> keys_;
    Entries any_;
};

}  // namespace weft::policy
