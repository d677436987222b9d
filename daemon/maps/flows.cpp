#include "daemon/maps/flows.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <vector>

#include "daemon/maps/keys.hpp"
#include "datapath/abi/names.h"
#include "datapath/loader/datapath.hpp"
#include "datapath/loader/map.hpp"

namespace weft::maps {

namespace {

IpAddr source_of(const weft_key4& key) {
    return IpAddr::from_v4(key.source);
}
IpAddr source_of(const weft_key6& key) {
    return address_of(key.source);
}
IpAddr destination_of(const weft_key4& key) {
    return IpAddr::from_v4(key.destination);
}
IpAddr destination_of(const weft_key6& key) {
    return address_of(key.destination);
}

template <typename Slot>
Flow flow_of(const Slot& slot, const weft_flow_detail& detail) {
    Flow flow;
    flow.source = source_of(slot.key);
    flow.destination = destination_of(slot.key);
    flow.source_port = ntohs(slot.key.source_port);
    flow.destination_port = ntohs(slot.key.destination_port);
    flow.protocol = slot.key.protocol;
    flow.action = slot.action;
    flow.flags = slot.flags;
    std::ranges::copy(slot.mac, flow.mac.begin());
    flow.generation = slot.generation;
    flow.in_ifindex = slot.in_ifindex;
    flow.out_ifindex = slot.out_ifindex;
    flow.packets = slot.packets;
    flow.bytes = slot.bytes;
    flow.detail = detail;
    return flow;
}

// Slots whose way is taken, by the tag words (0: free).
Result<std::vector<std::uint32_t>> taken_slots(const datapath::Pins& pins, const std::string& table) {
    WEFT_TRY(tags, (datapath::Map<std::uint32_t, std::uint64_t>::open(pins, table + "_tags")));
    const std::uint32_t mask = tags.raw().max_entries() - 1;
    std::vector<std::uint32_t> slots;
    WEFT_CHECK(tags.for_each([&](std::uint32_t set, std::uint64_t word) {
        for (std::uint32_t way = 0; way < WEFT_FLOW_WAYS; ++way)
            if (((word >> (8 * way)) & 0xff) != 0) slots.push_back(weft_slot_index(set, way, mask));
    }));
    return slots;
}

template <typename Slot>
Result<void> read_table(const datapath::Pins& pins, const std::string& table,
                        const std::function<void(const Flow&)>& visit) {
    WEFT_TRY(taken, taken_slots(pins, table));
    WEFT_TRY(slots, (datapath::Map<std::uint32_t, Slot>::open(pins, table)));
    WEFT_TRY(now, datapath::read_clock(pins));
    const double rate = datapath::ticks_per_second();
    WEFT_TRY(details, (datapath::Map<std::uint32_t, weft_flow_detail>::open(pins, table + "_detail")));
    for (const auto index : taken) {
        WEFT_TRY(slot, slots.lookup(index));
        WEFT_TRY(detail, details.lookup(index));
        if (!slot || !detail || slot->generation == 0 || slot->sequence % 2 != 0) continue;
        Flow flow = flow_of(*slot, *detail);
        // Negative ages: packets since the clock was read.
        flow.idle_seconds = std::max(0.0, static_cast<std::int32_t>(now - slot->last_seen) / rate);
        visit(flow);
    }
    return {};
}

}  // namespace

Result<void> for_each_flow(const datapath::Pins& pins, std::string_view table,
                           const std::function<void(const Flow&)>& visit) {
    const std::string name(table);
    if (name == WEFT_MAP_FLOW4 || name == WEFT_MAP_HALF4) return read_table<weft_flow4>(pins, name, visit);
    return read_table<weft_flow6>(pins, name, visit);
}

}  // namespace weft::maps
