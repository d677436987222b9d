// What pods have learned of DNS, read from the kernel (datapath/abi/dns.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip_addr.hpp"
#include "common/result.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::maps {

struct LearnedName {
    std::string name;            // as people write it, without the dot at the end
    std::uint32_t class_id = 0;  // as the automaton in force says; 0: no policy speaks of it
    std::int64_t seconds = 0;    // that are left; not above 0: over
};
// Endpoint (0: of a pod that is gone) and address.
using Learned = std::map<std::pair<std::uint32_t, IpAddr>, std::vector<LearnedName>>;
Result<Learned> learned(const datapath::Pins& pins);

// The rows of `dns_counters` by name ("queries", "no_place"), in their order.
Result<std::vector<std::pair<std::string_view, std::uint64_t>>> dns_counts(const datapath::Pins& pins);

}  // namespace weft::maps
