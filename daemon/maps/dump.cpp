#include "daemon/maps/dump.hpp"

#include <algorithm>
#include <map>

#include "daemon/maps/counters.hpp"
#include "daemon/maps/dump_rows.hpp"
#include "daemon/maps/kernel_reader.hpp"
#include "daemon/maps/learned.hpp"
#include "datapath/abi/names.h"

namespace weft::maps {

namespace {

using Visit = std::function<void(const Json&)>;
using Dump = Result<void> (*)(const datapath::Pins&, const Visit&);

template <auto Rows>
Result<void> from_state(const datapath::Pins& pins, const Visit& visit) {
    WEFT_TRY(state, read_kernel(pins));
    Rows(state, visit);
    return {};
}

void control_rows(const KernelState& state, const Visit& visit) {
    visit(row_json(state.control));
}

void endpoint_rows(const KernelState& state, const Visit& visit) {
    for (const auto& [number, row] : state.endpoints) visit(row_json(number, row, state.control.epoch & 1));
}

template <bool V4>
void address_rows(const KernelState& state, const Visit& visit) {
    std::map<IpAddr, const weft_addr*> sorted;
    for (const auto& [address, row] : state.addresses)
        if (address.is_v4() == V4) sorted.emplace(address, &row);
    for (const auto& [address, row] : sorted) visit(row_json("address", address.text(), *row));
}

template <bool V4>
void cidr_rows(const KernelState& state, const Visit& visit) {
    for (const auto& [cidr, row] : state.cidrs)
        if (cidr.address.is_v4() == V4) visit(row_json("cidr", cidr.text(), row));
}

void policy_rows(const KernelState& state, const Visit& visit) {
    for (const auto& [number, run] : state.policies)
        visit({{"policy", number}, {"start", run.start}, {"count", run.count}});
}

void policy_class_rows(const KernelState& state, const Visit& visit) {
    for (const auto& [key, run] : state.policy_classes)
        visit({{"policy", key.first}, {"class", key.second}, {"start", run.start}, {"count", run.count}});
}

void port_rows(const KernelState& state, const Visit& visit) {
    for (const auto& [index, row] : state.port_rows) visit(row_json(index, row));
}

Result<void> rule_rows(const datapath::Pins& pins, const Visit& visit) {
    WEFT_TRY(counts, rule_counts(pins));
    for (const auto& [rule, count] : counts)
        visit({{"rule", rule}, {"packets", count.packets}, {"bytes", count.bytes}, {"connections", count.connections}});
    return {};
}

Result<void> metric_rows(const datapath::Pins& pins, const Visit& visit) {
    WEFT_TRY(all, metrics(pins));
    for (const auto& metric : all)
        visit({{"reason", metric.reason}, {"hook", metric.hook}, {"packets", metric.packets}, {"bytes", metric.bytes}});
    return {};
}

Result<void> lost_rows(const datapath::Pins& pins, const Visit& visit) {
    WEFT_TRY(counts, lost(pins));
    visit({{"reason", "ring_full"}, {"events", counts.ring_full}});
    visit({{"reason", "drop_limit"}, {"events", counts.drop_limit}});
    visit({{"reason", "dns_limit"}, {"events", counts.dns_limit}});
    return {};
}

void name_rows(const KernelState& state, const Visit& visit) {
    for (const auto& [key, row] : state.name_rows)
        visit({{"list", key.first}, {"class", key.second}, {"order", row.order}, {"rule", row.rule}});
}

Result<void> learned_rows(const datapath::Pins& pins, const Visit& visit) {
    WEFT_TRY(known, learned(pins));
    for (const auto& [key, names] : known) {
        Json list = Json::array();
        for (const auto& name : names)
            list.push_back({{"name", name.name}, {"class", name.class_id}, {"seconds", name.seconds}});
        visit({{"endpoint", key.first}, {"address", key.second.text()}, {"names", std::move(list)}});
    }
    return {};
}

Result<void> dns_count_rows(const datapath::Pins& pins, const Visit& visit) {
    WEFT_TRY(counts, dns_counts(pins));
    for (const auto& [name, count] : counts) visit({{"what", name}, {"count", count}});
    return {};
}

template <const char* const& Table>
Result<void> flow_rows(const datapath::Pins& pins, const Visit& visit) {
    return for_each_flow(pins, Table, [&](const Flow& flow) { visit(row_json(flow)); });
}

constexpr const char* kFlow4 = WEFT_MAP_FLOW4;
constexpr const char* kFlow6 = WEFT_MAP_FLOW6;
constexpr const char* kHalf4 = WEFT_MAP_HALF4;
constexpr const char* kHalf6 = WEFT_MAP_HALF6;

struct Entry {
    MapName name;
    Dump dump;
};

const Entry kMaps[] = {
    {{WEFT_MAP_CONTROL, "settings, epoch and generation in force"}, &from_state<control_rows>},
    {{WEFT_MAP_ENDPOINTS, "pods of this node: device, identity, compiled policies"}, &from_state<endpoint_rows>},
    {{WEFT_MAP_ADDR4, "IPv4 addresses: identity and class"}, &from_state<address_rows<true>>},
    {{WEFT_MAP_ADDR6, "IPv6 addresses: identity and class"}, &from_state<address_rows<false>>},
    {{WEFT_MAP_CIDR4, "IPv4 prefixes: identity and class"}, &from_state<cidr_rows<true>>},
    {{WEFT_MAP_CIDR6, "IPv6 prefixes: identity and class"}, &from_state<cidr_rows<false>>},
    {{WEFT_MAP_POLICIES, "compiled policies: port rows for classes without rows of their own"},
     &from_state<policy_rows>},
    {{WEFT_MAP_POLICY_CLASSES, "compiled policies: port rows for a class"}, &from_state<policy_class_rows>},
    {{WEFT_MAP_PORT_ROWS, "intervals of protocol and port with their verdict and rule"}, &from_state<port_rows>},
    {{WEFT_MAP_RULE_COUNTERS, "packets, bytes and connections of each rule, live flows included"}, &rule_rows},
    {{WEFT_MAP_METRICS, "packets by reason and hook"}, &metric_rows},
    {{WEFT_MAP_LOST, "events that were not sent"}, &lost_rows},
    {{WEFT_MAP_DNS_ADDRESSES, "addresses that pods learned, by DNS names that policies speak of"}, &learned_rows},
    {{WEFT_MAP_DNS_ROWS, "rules by DNS names: what a list says of a class of names"}, &from_state<name_rows>},
    {{WEFT_MAP_DNS_COUNTERS, "what became of DNS messages"}, &dns_count_rows},
    {{WEFT_MAP_FLOW4, "established IPv4 connections"}, &flow_rows<kFlow4>},
    {{WEFT_MAP_FLOW6, "established IPv6 connections"}, &flow_rows<kFlow6>},
    {{WEFT_MAP_HALF4, "unanswered IPv4 connections"}, &flow_rows<kHalf4>},
    {{WEFT_MAP_HALF6, "unanswered IPv6 connections"}, &flow_rows<kHalf6>},
};

}  // namespace

const std::vector<MapName>& map_names() {
    static const auto names = [] {
        std::vector<MapName> all;
        for (const auto& entry : kMaps) all.push_back(entry.name);
        return all;
    }();
    return names;
}

Result<void> dump(const datapath::Pins& pins, std::string_view map, const Visit& visit) {
    const auto entry = std::ranges::find_if(kMaps, [&](const Entry& one) { return one.name.name == map; });
    if (entry == std::end(kMaps))
        return fail(ErrorCode::kNotFound, "there is no map '{}': see 'weft map list'", map.substr(0, 64));
    return entry->dump(pins, visit);
}

}  // namespace weft::maps
