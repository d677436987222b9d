// The query string of GET /v1/flows.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hubble-lite/filter.hpp"

namespace weft::hubble {

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

struct Query {
    std::optional<std::uint64_t> last, first;
    bool follow = false;
    std::int64_t since_ns = std::numeric_limits<std::int64_t>::min();  // inclusive
    std::int64_t until_ns = std::numeric_limits<std::int64_t>::max();  // inclusive
    Filter filter;

    bool in_time(const Record& record) const { return record.time_ns >= since_ns && record.time_ns <= until_ns; }
};

inline constexpr std::uint64_t kDefaultLast = 20;  // as the hubble command

// Without last, first, since, until and follow: the last 20. With follow alone: what comes from now on. Errors name the
// parameter in `path`.
Result<Query> parse_query(const QueryParameters& parameters, std::int64_t now_ns);

// "2026-01-02T03:04:05.6Z" with any offset, or a duration back from now: "90s", "5m", "1h30m", "250ms", "2d".
Result<std::int64_t> parse_time(const std::string& text, std::int64_t now_ns);

}  // namespace weft::hubble
