// All patterns of DNS names in force as one deterministic automaton: what the datapath walks over a name that a pod
// asked for (datapath/abi/dns.h). The state behind a name's last byte gives its class: the set of patterns that match.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace weft::policy {

// As many as the datapath has room for (datapath/abi/dns.h, compared by a test).
inline constexpr std::size_t kMaxDnsStates = 65536;
inline constexpr std::size_t kMaxDnsCells = 1048576;

struct DnsAutomaton {
    std::uint32_t columns = 0;
    std::uint32_t start = 0;  // state 0: no pattern can match any more
    std::uint32_t dot = 0;    // the column of the step from one label to the next
    std::array<std::uint8_t, 256> column_of{};
    std::vector<std::uint16_t> next;      // state * columns + column
    std::vector<std::uint32_t> class_of;  // state -> index into `classes`
    // Each class as the patterns (by index, ascending) that match; [0] is none.
    std::vector<std::vector<std::uint32_t>> classes;

    // The class of a name (lower case, no dot at the end).
    std::uint32_t classify(std::string_view name) const;
    friend bool operator==(const DnsAutomaton&, const DnsAutomaton&) = default;
};

// kExhausted, with the numbers: it would be too large. Without patterns: an empty automaton (no state at all).
Result<DnsAutomaton> build_dns_automaton(std::span<const std::string> patterns);

}  // namespace weft::policy
