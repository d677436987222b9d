// From rules in order of precedence to rows with final verdicts.
#pragma once

#include <functional>
#include <span>

#include "policy/rule.hpp"

namespace weft::policy {

inline constexpr std::uint32_t kPortNumberMax = 0xffffff;

// protocol << 16 | port; both ends inclusive.
struct PortRange {
    std::uint32_t first = 0;
    std::uint32_t last = kPortNumberMax;
    friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

struct RankedRule {
    int tier = 0;
    Action action = Action::kAllow;
    std::uint32_t number = 0;
    std::span<const PortRange> ranges;
    bool audit = false;     // as in PortRow
    bool unlogged = false;  // when it allows
    bool by_name = false;   // it matches only if the address is known by a name of its own; it allows
};

// The number of a list of rules by name (indices into the rules, ascending, at least one).
using NumberOfNames = std::function<std::uint32_t(const std::vector<std::uint32_t>& rules)>;

inline constexpr std::uint32_t port_number(std::uint8_t protocol, std::uint16_t port) {
    return std::uint32_t{protocol} << 16 | port;
}

// `rules`: highest precedence first, tiers ascending. What no rule decides gets the verdict of `otherwise` (its first
// and last are of no account).
// Rules by name decide nothing; a row's `names` is the list of those that go before it where they match, by
// `number_of`.
PortRows decide_rows(std::span<const RankedRule> rules, const PortRow& otherwise, const NumberOfNames& number_of = {});

// The row that holds `number`. `rows` as PortRows promises.
const PortRow& row_at(const PortRows& rows, std::uint32_t number);

}  // namespace weft::policy
