// Reads the flow tables. Costs a look at the tag words and two lookups for each live entry, not a copy of the tables.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "common/ip_addr.hpp"
#include "common/result.hpp"
#include "datapath/abi/flow.h"
#include "datapath/loader/pins.hpp"

namespace weft::maps {

// One entry, of either family.
struct Flow {
    IpAddr source, destination;
    std::uint16_t source_port = 0, destination_port = 0;  // host order; ICMP echo: the id in both
    std::uint8_t protocol = 0;
    std::uint8_t action = 0, flags = 0;  // enum weft_action, weft_flow_flag
    std::array<std::uint8_t, 6> mac{};
    std::uint32_t generation = 0, in_ifindex = 0, out_ifindex = 0;
    double idle_seconds = 0;  // since its last packet
    std::uint64_t packets = 0, bytes = 0;
    weft_flow_detail detail{};
};

// `table`: flow4, flow6, half4 or half6. An entry that is being written or goes while it is read is left out.
Result<void> for_each_flow(const datapath::Pins& pins, std::string_view table,
                           const std::function<void(const Flow&)>& visit);

}  // namespace weft::maps
