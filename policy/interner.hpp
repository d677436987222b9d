// Lists of numbers, each kept once, as long as somebody holds it. Number 0 is the empty list.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "policy/digest.hpp"

namespace weft::policy {

class ListInterner {
  public:
    using List = std::vector<std::uint32_t>;

    ListInterner() { acquire({}); }
    // The list's number, held once more.
    std::uint32_t acquire(const List& list) {
        const auto [at, is_new] = numbers_.try_emplace(list, 0U);
        if (is_new) {
            if (free_.empty()) {
                at->second = static_cast<std::uint32_t>(lists_.size());
                lists_.emplace_back();
            } else {
                at->second = free_.back();
                free_.pop_back();
            }
            lists_[at->second] = {&at->first, 0};
        }
        ++lists_[at->second].holders;
        return at->second;
    }
    void hold(std::uint32_t number) { ++lists_[number].holders; }
    void release(std::uint32_t number) {
        if (number == 0 || --lists_[number].holders > 0) return;
        numbers_.erase(numbers_.find(*lists_[number].list));
        free_.push_back(number);
    }
    const List& list(std::uint32_t number) const { return *lists_[number].list; }

  private:
    struct Hash {
        std::size_t operator()(const List& list) const { return hash_words(list); }
    };
    struct Entry {
        const List* list = nullptr;  // nodes of the map do not move
        std::uint32_t holders = 0;
    };
    std::unordered_map<List, std::uint32_t, Hash> numbers_;
    std::vector<Entry> lists_;
    std::vector<std::uint32_t> free_;
};

}  // namespace weft::policy
