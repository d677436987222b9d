// Numbers of lists of rules by DNS names. A number stands for one content as long as some row has it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "policy/image_delta.hpp"
#include "policy/numbers.hpp"

namespace weft::policy {

class NameLists {
  public:
    NameLists(Numbers& numbers, ImageEditor& image) : numbers_(numbers), image_(image) {}

    // 0 after an error, which error() tells.
    std::uint32_t number_of(const NameList& list);
    bool empty() const { return numbers_of_.empty(); }
    // The lists that no row has any more go.
    void keep(const std::set<std::uint32_t>& used);
    Result<void> error() const;
    void release_all() { keep({}); }

  private:
    Numbers& numbers_;
    ImageEditor& image_;
    std::unordered_map<std::string, std::uint32_t> numbers_of_;  // by digest
    std::optional<Error> error_;
};

}  // namespace weft::policy
