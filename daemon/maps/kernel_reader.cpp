#include "daemon/maps/kernel_reader.hpp"

#include "daemon/maps/keys.hpp"
#include "daemon/maps/policy_rows.hpp"
#include "datapath/abi/names.h"
#include "datapath/loader/map.hpp"

namespace weft::maps {

namespace {

template <typename Key, typename Value>
using Map = datapath::Map<Key, Value>;

PortRun run_of(const weft_port_set& set) {
    return {set.start, set.count};
}

Result<void> read_control(const datapath::Pins& pins, KernelState& state) {
    WEFT_TRY(map, (Map<std::uint32_t, weft_control>::open(pins, WEFT_MAP_CONTROL)));
    WEFT_TRY(row, map.lookup(0));
    state.control = row.value_or(weft_control{});
    if (state.control.epoch > 3) return fail(ErrorCode::kInvalid, "the control row has epoch {}", state.control.epoch);
    return {};
}

Result<void> read_endpoints(const datapath::Pins& pins, KernelState& state) {
    WEFT_TRY(map, (Map<std::uint32_t, weft_endpoint>::open(pins, WEFT_MAP_ENDPOINTS)));
    return map.for_each([&](std::uint32_t number, const weft_endpoint& row) {
        if (row.ifindex != 0) state.endpoints.emplace(number, row);
    });
}

Result<void> read_addresses(const datapath::Pins& pins, KernelState& state) {
    WEFT_TRY(addr4, (Map<std::uint32_t, weft_addr>::open(pins, WEFT_MAP_ADDR4)));
    WEFT_TRY(addr6, (Map<weft_ip, weft_addr>::open(pins, WEFT_MAP_ADDR6)));
    WEFT_TRY(cidr4, (Map<weft_cidr4_key, weft_addr>::open(pins, WEFT_MAP_CIDR4)));
    WEFT_TRY(cidr6, (Map<weft_cidr6_key, weft_addr>::open(pins, WEFT_MAP_CIDR6)));
    state.capacity.addr4 = addr4.raw().max_entries();
    state.capacity.addr6 = addr6.raw().max_entries();
    state.capacity.cidr4 = cidr4.raw().max_entries();
    state.capacity.cidr6 = cidr6.raw().max_entries();
    WEFT_CHECK(addr4.for_each(
        [&](std::uint32_t key, const weft_addr& row) { state.addresses.emplace(IpAddr::from_v4(key), row); }));
    WEFT_CHECK(addr6.for_each(
        [&](const weft_ip& key, const weft_addr& row) { state.addresses.emplace(address_of(key), row); }));
    WEFT_CHECK(cidr4.for_each(
        [&](const weft_cidr4_key& key, const weft_addr& row) { state.cidrs.emplace(cidr_of(key), row); }));
    return cidr6.for_each(
        [&](const weft_cidr6_key& key, const weft_addr& row) { state.cidrs.emplace(cidr_of(key), row); });
}

Result<void> read_policies(const datapath::Pins& pins, KernelState& state) {
    WEFT_TRY(policies, PolicyRows::open(pins));
    state.capacity.policies = policies.max_policies();
    state.capacity.policy_classes = policies.max_classes();
    return policies.for_each(
        [&](std::uint32_t number, const weft_port_set& others) { state.policies.emplace(number, run_of(others)); },
        [&](std::uint32_t number, std::uint32_t class_id, const weft_port_set& set) {
            state.policy_classes.emplace(PolicyClass{number, class_id}, run_of(set));
        });
}

// Only the rows that some table names: the array has a million.
Result<void> read_port_rows(const datapath::Pins& pins, KernelState& state) {
    WEFT_TRY(map, (Map<std::uint32_t, weft_port_row>::open(pins, WEFT_MAP_PORT_ROWS)));
    state.capacity.port_rows = map.raw().max_entries();
    state.recount();
    for (const auto& [run, holders] : state.run_holders) {
        if (run.count == 0 || run.start >= state.capacity.port_rows || run.count > state.capacity.port_rows - run.start)
            return fail(ErrorCode::kInvalid, "a compiled policy names port rows {} to {}, map port_rows has {}",
                        run.start, std::uint64_t{run.start} + run.count, state.capacity.port_rows);
        for (std::uint32_t index = run.start; index < run.start + run.count; ++index) {
            WEFT_TRY(row, map.lookup(index));
            state.port_rows.emplace(index, row.value_or(weft_port_row{}));
        }
    }
    return {};
}

Result<void> read_names(const datapath::Pins& pins, KernelState& state) {
    WEFT_TRY(rows, (Map<weft_dns_row_key, weft_dns_row>::open(pins, WEFT_MAP_DNS_ROWS)));
    state.capacity.name_rows = rows.raw().max_entries();
    WEFT_CHECK(rows.for_each([&](const weft_dns_row_key& key, const weft_dns_row& row) {
        state.name_rows.emplace(NameRow{key.list, key.class_id}, row);
    }));
    WEFT_TRY(automata,
             datapath::MapFd::open(pins, WEFT_MAP_DNS_AUTOMATA, sizeof(std::uint32_t), sizeof(weft_dns_automaton)));
    const auto row = std::make_unique<weft_dns_automaton>();
    for (std::uint32_t index = 0; index < state.automata.size(); ++index) {
        WEFT_TRY(found, automata.lookup(&index, row.get()));
        if (found) state.automata[index] = AutomatonName::of(*row);
    }
    return {};
}

}  // namespace

Result<KernelState> read_kernel(const datapath::Pins& pins) {
    KernelState state;
    WEFT_CHECK(read_control(pins, state));
    WEFT_CHECK(read_endpoints(pins, state));
    WEFT_CHECK(read_addresses(pins, state));
    WEFT_CHECK(read_policies(pins, state));
    WEFT_CHECK(read_port_rows(pins, state));
    WEFT_CHECK(read_names(pins, state));
    return state;
}

}  // namespace weft::maps
