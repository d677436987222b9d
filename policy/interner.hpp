// Lists of numbers, each kept once. Number 0 is the empty list.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "policy/digest.hpp"

namespace weft::policy {

class ListInterner {
  public:
    using List = std::vector<std::uint32_t>;

    ListInterner() { number({}); }
    std::uint32_t number(const List& list) {
        const auto [at, is_new] = numbers_.try_emplace(list, static_cast<std::uint32_t>(lists_.size()));
        if (is_new) lists_.push_back(&at->first);
        return at->second;
    }
    const List& list(std::uint32_t number) const { return *lists_[number]; }
    std::size_t size() const { return lists_.size(); }

  private:
    struct Hash {
        std::size_t operator()(const List& list) const { return hash_words(list); }
    };
    std::unordered_map<List, std::uint32_t, Hash> numbers_;
    std::vector<const List*> lists_;  // nodes of the map do not move
};

}  // namespace weft::policy
