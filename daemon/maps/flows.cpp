#include "daemon/maps/flows.hpp"

#include <arpa/inet.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "daemon/maps/keys.hpp"
#include "datapath/abi/names.h"
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
    flow.last_seen = slot.last_seen;
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
    WEFT_TRY(details, (datapath::Map<std::uint32_t, weft_flow_detail>::open(pins, table + "_detail")));
    for (const auto index : taken) {
        WEFT_TRY(slot, slots.lookup(index));
        WEFT_TRY(detail, details.lookup(index));
        if (slot && detail && slot->generation != 0 && slot->sequence % 2 == 0) visit(flow_of(*slot, *detail));
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

double idle_seconds(std::uint32_t last_seen) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const auto nanoseconds =
        static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
    const auto ticks = static_cast<std::uint32_t>(nanoseconds >> WEFT_TICK_SHIFT) - last_seen;
    return static_cast<double>(static_cast<std::int32_t>(ticks)) * static_cast<double>(1U << WEFT_TICK_SHIFT) / 1e9;
}

}  // namespace weft::maps
