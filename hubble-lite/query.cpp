#include "hubble-lite/query.hpp"

#include <charconv>
#include <ctime>

#include "hubble-lite/filter_values.hpp"

namespace weft::hubble {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// Ten years: longer than any ring; keeps the sums below far from overflow.
constexpr std::int64_t kLongest = 10LL * 366 * 86400 * kSecond;

struct Unit {
    std::string_view name;
    std::int64_t ns;
};
constexpr Unit kUnits[] = {
    {"ms", 1'000'000}, {"d", 86400 * kSecond}, {"h", 3600 * kSecond}, {"m", 60 * kSecond}, {"s", kSecond}};

std::optional<std::int64_t> parse_duration(std::string_view text) {
    std::int64_t total = 0;
    if (text.empty()) return std::nullopt;
    while (!text.empty()) {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || number < 0) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        const Unit* unit = nullptr;
        for (const auto& candidate : kUnits)
            if (unit == nullptr && text.starts_with(candidate.name)) unit = &candidate;
        if (unit == nullptr || number > kLongest / unit->ns) return std::nullopt;
        text.remove_prefix(unit->name.size());
        total += number * unit->ns;
        if (total > kLongest) return std::nullopt;
    }
    return total;
}

// Digits after the seconds' point as nanoseconds; moves `text` past them.
std::int64_t take_fraction(std::string_view& text) {
    std::int64_t ns = 0, unit = kSecond;
    if (!text.starts_with('.')) return 0;
    text.remove_prefix(1);
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        unit /= 10;
        ns += (text.front() - '0') * unit;
        text.remove_prefix(1);
    }
    return ns;
}

std::optional<std::int64_t> parse_zone(std::string_view text) {
    if (text == "Z" || text == "z") return 0;
    // A '+' in a query string that was not escaped arrives as a space.
    if (text.size() != 6 || text[3] != ':' || !std::string_view("+- ").contains(text[0])) return std::nullopt;
    int hours = 0, minutes = 0;
    if (std::from_chars(text.data() + 1, text.data() + 3, hours).ptr != text.data() + 3) return std::nullopt;
    if (std::from_chars(text.data() + 4, text.data() + 6, minutes).ptr != text.data() + 6) return std::nullopt;
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
    return (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

std::optional<std::int64_t> parse_rfc3339(const std::string& text) {
    tm parts{};
    const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (end == nullptr || parts.tm_year < 70 || parts.tm_year > 300) return std::nullopt;
    std::string_view rest(end);
    const std::int64_t fraction = take_fraction(rest);
    const auto zone = parse_zone(rest);
    if (!zone) return std::nullopt;
    return (static_cast<std::int64_t>(timegm(&parts)) - *zone) * kSecond + fraction;
}

std::unexpected<Error> refuse(std::string name, std::string message) {
    return std::unexpected(Error{ErrorCode::kInvalid, std::move(message), std::move(name)});
}

Result<void> read_count(std::string_view name, std::string_view value, std::optional<std::uint64_t>& out) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (out) return refuse(std::string(name), "stands twice");
    if (value.empty() || error != std::errc() || end != value.data() + value.size())
        return refuse(std::string(name), fmt::format("'{}' is not a number", value));
    out = number;
    return {};
}

Result<void> read_follow(const std::string& value, bool& out) {
    const std::string word = lower(value);
    if (word == "true" || word == "1" || word.empty())
        out = true;
    else if (word == "false" || word == "0")
        out = false;
    else
        return refuse("follow", fmt::format("'{}' is neither true nor false", value));
    return {};
}

Result<void> read_time(const std::string& name, const std::string& value, std::int64_t now_ns, std::int64_t& out) {
    auto time = parse_time(value, now_ns);
    if (!time) return refuse(name, time.error().message);
    out = *time;
    return {};
}

}  // namespace

Result<std::int64_t> parse_time(const std::string& text, std::int64_t now_ns) {
    if (const auto back = parse_duration(text)) return now_ns - *back;
    if (const auto time = parse_rfc3339(text)) return *time;
    return fail(ErrorCode::kInvalid,
                "'{}' is no time: expected RFC 3339 such as 2026-01-02T03:04:05Z or a duration such as 5m", text);
}

Result<Query> parse_query(const QueryParameters& parameters, std::int64_t now_ns) {
    Query query;
    bool timed = false;
    for (const auto& [name, value] : parameters) {
        if (name == "last")
            WEFT_CHECK(read_count(name, value, query.last));
        else if (name == "first")
            WEFT_CHECK(read_count(name, value, query.first));
        else if (name == "follow")
            WEFT_CHECK(read_follow(value, query.follow));
        else if (name == "since")
            WEFT_CHECK(read_time(name, value, now_ns, query.since_ns));
        else if (name == "until")
            WEFT_CHECK(read_time(name, value, now_ns, query.until_ns));
        else
            WEFT_CHECK(query.filter.add(name, value));
        timed = timed || name == "since" || name == "until";
    }
    if (query.first && query.last) return refuse("first", "cannot stand beside last");
    if (query.first && query.follow) return refuse("first", "cannot stand beside follow");
    if (!query.first && !query.last && !timed) query.last = query.follow ? 0 : kDefaultLast;
    return query;
}

}  // namespace weft::hubble
