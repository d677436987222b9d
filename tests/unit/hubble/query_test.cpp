// The query string: times, counts and what excludes what.
#include "hubble-lite/query.hpp"

#include <gtest/gtest.h>

namespace weft::hubble {
namespace {

constexpr std::int64_t kNow = 1'767'323'045'000'000'000;  // 2026-01-02T03:04:05Z
constexpr std::int64_t kSecond = 1'000'000'000;

TEST(query, times) {
    const std::pair<std::string, std::int64_t> good[] = {
        {"5m", kNow - 300 * kSecond},
        {"90s", kNow - 90 * kSecond},
        {"1h30m", kNow - 5400 * kSecond},
        {"250ms", kNow - kSecond / 4},
        {"2d", kNow - 2 * 86400 * kSecond},
        {"0s", kNow},
        {"2026-01-02T03:04:05Z", kNow},
        {"2026-01-02T03:04:05.25Z", kNow + kSecond / 4},
        {"2026-01-02T03:04:05.000000001Z", kNow + 1},
        {"2026-01-02T05:04:05+02:00", kNow},
        {"2026-01-02T05:04:05 02:00", kNow},
        {"2026-01-01T22:04:05-05:00", kNow},
    };
    for (const auto& [text, ns] : good) {
        const auto parsed = parse_time(text, kNow);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(*parsed, ns) << text;
    }
    for (const std::string bad :
         {"", "5", "m", "-5m", "5x", "99999999999d", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z",
          "2026-01-02T03:04:05Zjunk", "2026-01-02T03:04:05+99:00", "1969-01-01T00:00:00Z"})
        EXPECT_FALSE(parse_time(bad, kNow)) << bad;
}

TEST(query, defaults_are_those_of_hubble) {
    EXPECT_EQ(parse_query({}, kNow)->last, kDefaultLast);
    EXPECT_EQ(parse_query({{"verdict", "dropped"}}, kNow)->last, kDefaultLast);
    EXPECT_EQ(parse_query({{"follow", "true"}}, kNow)->last, 0U);
    EXPECT_FALSE(parse_query({{"since", "5m"}}, kNow)->last);
    EXPECT_FALSE(parse_query({{"first", "3"}}, kNow)->last);
}

TEST(query, errors_name_the_parameter) {
    const std::vector<std::pair<QueryParameters, std::string>> rows = {
        {{{"last", "x"}}, "last"},
        {{{"last", "-1"}}, "last"},
        {{{"last", ""}}, "last"},
        {{{"last", "1"}, {"last", "2"}}, "last"},
        {{{"first", "99999999999999999999999"}}, "first"},
        {{{"first", "1"}, {"last", "1"}}, "first"},
        {{{"first", "1"}, {"follow", "1"}}, "first"},
        {{{"follow", "perhaps"}}, "follow"},
        {{{"since", "yesterday"}}, "since"},
        {{{"until", "?"}}, "until"},
        {{{"port", "http"}}, "port"},
        {{{"colour", "red"}}, "colour"},
    };
    for (const auto& [parameters, name] : rows) {
        const auto query = parse_query(parameters, kNow);
        ASSERT_FALSE(query) << name;
        EXPECT_EQ(query.error().path, name);
        EXPECT_FALSE(query.error().message.empty());
    }
}

}  // namespace
}  // namespace weft::hubble
