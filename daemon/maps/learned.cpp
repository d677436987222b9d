#include "daemon/maps/learned.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

#include "daemon/maps/keys.hpp"
#include "datapath/abi/control.h"
#include "datapath/abi/dns.h"
#include "datapath/abi/names.h"
#include "datapath/loader/map.hpp"

namespace weft::maps {

namespace {

constexpr std::array<std::string_view, WEFT_DNS_COUNTS> kCounts = {
    "queries", "answers", "addresses", "unasked", "malformed", "truncated", "too_many", "no_place", "unread"};

template <typename Row>
Result<std::vector<Row>> all(const datapath::Pins& pins, std::string_view name) {
    WEFT_TRY(map, (datapath::Map<std::uint32_t, Row>::open(pins, name)));
    std::vector<Row> out(map.raw().max_entries());
    WEFT_CHECK(map.for_each([&](std::uint32_t index, const Row& row) { out.at(index) = row; }));
    return out;
}

Result<std::map<std::uint32_t, std::uint32_t>> owners(const datapath::Pins& pins) {
    WEFT_TRY(map, (datapath::Map<std::uint32_t, weft_endpoint>::open(pins, WEFT_MAP_ENDPOINTS)));
    std::map<std::uint32_t, std::uint32_t> out;
    WEFT_CHECK(map.for_each([&](std::uint32_t number, const weft_endpoint& row) {
        if (row.ifindex != 0) out.emplace(weft_dns_owner(row.ifindex, row.mac), number);
    }));
    return out;
}

Result<std::unique_ptr<weft_dns_automaton>> automaton_in_force(const datapath::Pins& pins) {
    WEFT_TRY(control_map, (datapath::Map<std::uint32_t, weft_control>::open(pins, WEFT_MAP_CONTROL)));
    WEFT_TRY(control, control_map.lookup(0));
    const std::uint32_t index = control.value_or(weft_control{}).epoch >> 1 & 1;
    WEFT_TRY(map, datapath::MapFd::open(pins, WEFT_MAP_DNS_AUTOMATA, sizeof index, sizeof(weft_dns_automaton)));
    auto out = std::make_unique<weft_dns_automaton>();
    WEFT_CHECK(map.lookup(&index, out.get()));
    return out;
}

// dns_class() in datapath/bpf/lib/dns_name.h.
std::uint32_t class_of(const weft_dns_automaton& automaton, const weft_dns_name& name) {
    if (automaton.serial == 0) return 0;
    if (automaton.serial == name.serial) return name.class_id;
    std::uint32_t state = automaton.start, left = name.bytes[0];
    for (std::uint32_t i = 1; i < WEFT_DNS_NAME_BYTES && (left != 0 || name.bytes[i] != 0); ++i) {
        const auto column = left != 0 ? automaton.column_of[name.bytes[i]] : automaton.dot;
        left = left != 0 ? left - 1 : name.bytes[i];
        state = automaton.next[(state * automaton.columns + column) & (WEFT_DNS_CELLS - 1)];
    }
    return automaton.class_of[state];
}

std::string text_of(const weft_dns_name& name) {
    std::string out;
    std::size_t at = 0;
    while (at < WEFT_DNS_NAME_BYTES && name.bytes[at] != 0) {
        const std::size_t end = std::min<std::size_t>(at + 1 + name.bytes[at], WEFT_DNS_NAME_BYTES);
        if (!out.empty()) out += '.';
        for (++at; at < end; ++at) {
            const auto c = static_cast<char>(name.bytes[at]);
            const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
            out += plain ? std::string(1, c) : fmt::format("\\{:03}", name.bytes[at]);
        }
    }
    return out;
}

std::int64_t boot_now() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

}  // namespace

Result<Learned> learned(const datapath::Pins& pins) {
    WEFT_TRY(owner_numbers, owners(pins));
    WEFT_TRY(automaton, automaton_in_force(pins));
    WEFT_TRY(name_sets, all<weft_dns_set>(pins, WEFT_MAP_DNS_NAME_SETS));
    WEFT_TRY(names, all<weft_dns_name>(pins, WEFT_MAP_DNS_NAMES));
    WEFT_TRY(address_sets, all<weft_dns_set>(pins, WEFT_MAP_DNS_ADDRESS_SETS));
    WEFT_TRY(addresses, all<weft_dns_address>(pins, WEFT_MAP_DNS_ADDRESSES));
    const auto now = boot_now();
    Learned out;
    for (std::size_t index = 0; index < addresses.size(); ++index) {
        const auto& head = address_sets.at(index / WEFT_DNS_WAYS).ways[index % WEFT_DNS_WAYS];
        if (head.owner == 0) continue;
        const auto owner = owner_numbers.find(head.owner);
        const std::uint32_t endpoint = owner == owner_numbers.end() ? 0 : owner->second;
        for (const auto& [name, sequence, expires] : addresses[index].names) {
            if (expires == 0 || name >= names.size()) continue;
            if (name_sets[name / WEFT_DNS_WAYS].ways[name % WEFT_DNS_WAYS].sequence != sequence) continue;
            out[{endpoint, address_of(addresses[index].address)}].push_back(
                {text_of(names[name]), class_of(*automaton, names[name]), static_cast<std::int64_t>(expires) - now});
        }
    }
    return out;
}

Result<std::vector<std::pair<std::string_view, std::uint64_t>>> dns_counts(const datapath::Pins& pins) {
    WEFT_TRY(map, datapath::MapFd::open(pins, WEFT_MAP_DNS_COUNTERS, sizeof(std::uint32_t), sizeof(std::uint64_t)));
    std::vector<std::pair<std::string_view, std::uint64_t>> out;
    for (const auto name : kCounts) out.emplace_back(name, 0);
    WEFT_CHECK(map.for_each([&](const void* key, const void* values) {
        const auto index = *static_cast<const std::uint32_t*>(key);
        const auto* value = static_cast<const std::uint64_t*>(values);
        if (index < out.size())
            for (int cpu = 0; cpu < datapath::MapFd::cpus(); ++cpu) out[index].second += value[cpu];
    }));
    return out;
}

}  // namespace weft::maps
