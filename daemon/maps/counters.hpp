// Counters of the datapath, summed over CPUs.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "common/result.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::maps {

struct RuleCount {
    std::uint64_t packets = 0, bytes = 0, connections = 0;
};

// Every rule that has decided anything: what closed connections left, and what the live ones carry in their entries. A
// connection that closes while this reads may be missing from the sum, until the next time.
Result<std::map<std::uint32_t, RuleCount>> rule_counts(const datapath::Pins& pins);

struct Metric {
    std::string_view reason;  // "forwarded", or the drop reason's name in lower case
    std::string_view hook;    // "from_pod", "to_pod", "from_netdev", "to_netdev", "age"
    std::uint64_t packets = 0, bytes = 0;
};

// A row for each reason and hook that counted anything.
Result<std::vector<Metric>> metrics(const datapath::Pins& pins);

struct Lost {
    std::uint64_t ring_full = 0;   // events that found no room
    std::uint64_t drop_limit = 0;  // events that were held back; the next of their kind counts them
    std::uint64_t dns_limit = 0;   // DNS messages that were not told of
};
Result<Lost> lost(const datapath::Pins& pins);

// datapath/abi/drop_reason.def: the name in lower case, 0 is "forwarded"; empty for a number that it lacks.
std::string_view reason_name(std::uint32_t reason);
std::string_view hook_name(std::uint32_t hook);

}  // namespace weft::maps
