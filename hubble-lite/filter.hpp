// Which flows a client wants: one row a query parameter, one small function a row.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"
#include "hubble-lite/flow.hpp"

namespace weft::hubble {

using Predicate = std::function<bool(const Record&)>;

struct FilterRow {
    std::string_view name;   // of the query parameter
    std::string_view takes;  // the values, for people
    Result<Predicate> (*parse)(std::string_view value);
};
std::span<const FilterRow> filter_rows();

class Filter {
  public:
    static constexpr std::size_t kMaxTerms = 64;

    // Another value for `name`. Values of one name are alternatives, names must all hold. Errors: kNotFound for an
    // unknown name, kInvalid for a bad value, kExhausted beyond kMaxTerms; `path` is the name.
    Result<void> add(std::string_view name, std::string_view value);
    bool matches(const Record& record) const;

  private:
    std::map<std::string, std::vector<Predicate>, std::less<>> terms_;
    std::size_t count_ = 0;
};

}  // namespace weft::hubble
