// From rules in order of precedence to rows with final verdicts.
#pragma once

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
};

inline constexpr std::uint32_t port_number(std::uint8_t protocol, std::uint16_t port) {
    return std::uint32_t{protocol} << 16 | port;
}

// `rules`: highest precedence first, tiers ascending. What no rule decides gets the verdict of `otherwise` (its first
// and last are of no account).
PortRows decide_rows(std::span<const RankedRule> rules, const PortRow& otherwise);

// The row that holds `number`. `rows` as PortRows promises.
const PortRow& row_at(const PortRows& rows, std::uint32_t number);

}  // namespace weft::policy
