#include "daemon/maps/counters.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "daemon/maps/flows.hpp"
#include "datapath/abi/event.h"
#include "datapath/abi/names.h"
#include "datapath/abi/policy.h"
#include "datapath/loader/map.hpp"

namespace weft::maps {

namespace {

using datapath::MapFd;

// Visits index and the sum of all CPUs' values of a per-CPU array whose values are made of 64-bit numbers.
template <typename Value, typename Visit>
Result<void> sum_per_cpu(const datapath::Pins& pins, std::string_view name, Visit visit) {
    static_assert(sizeof(Value) % sizeof(std::uint64_t) == 0);
    constexpr std::size_t kWords =
        sizeof(Value) / sizeof(std::uint64_t);  // NOLINT(bugprone-sizeof-expression): Value may be one word
    WEFT_TRY(map, MapFd::open(pins, name, sizeof(std::uint32_t), sizeof(Value)));
    return map.for_each([&](const void* key, const void* values) {
        std::array<std::uint64_t, kWords> sum{};
        const auto* word = static_cast<const std::uint64_t*>(values);
        for (int cpu = 0; cpu < MapFd::cpus(); ++cpu)
            for (auto& part : sum) part += *word++;
        visit(*static_cast<const std::uint32_t*>(key), sum);
    });
}

void add(std::map<std::uint32_t, RuleCount>& counts, const Flow& flow) {
    if (flow.packets == 0) return;
    const auto give = [&](std::uint32_t rule) {
        auto& count = counts[rule];
        count.packets += flow.packets;
        count.bytes += flow.bytes;
    };
    for (const auto rule : flow.detail.rule) give(rule);
    if ((flow.detail.flags & WEFT_DETAIL_AUDIT_EGRESS) != 0) give(flow.detail.audit_rule[WEFT_EGRESS]);
    if ((flow.detail.flags & WEFT_DETAIL_AUDIT_INGRESS) != 0) give(flow.detail.audit_rule[WEFT_INGRESS]);
}

}  // namespace

Result<std::map<std::uint32_t, RuleCount>> rule_counts(const datapath::Pins& pins) {
    std::map<std::uint32_t, RuleCount> counts;
    WEFT_CHECK(sum_per_cpu<weft_rule_counter>(pins, WEFT_MAP_RULE_COUNTERS, [&](std::uint32_t rule, const auto& sum) {
        if (sum[0] != 0 || sum[2] != 0) counts[rule] = {sum[0], sum[1], sum[2]};
    }));
    for (const auto table : {WEFT_MAP_FLOW4, WEFT_MAP_FLOW6, WEFT_MAP_HALF4, WEFT_MAP_HALF6})
        WEFT_CHECK(for_each_flow(pins, table, [&](const Flow& flow) { add(counts, flow); }));
    return counts;
}

Result<std::vector<Metric>> metrics(const datapath::Pins& pins) {
    std::vector<Metric> result;
    WEFT_CHECK(sum_per_cpu<weft_metric>(pins, WEFT_MAP_METRICS, [&](std::uint32_t index, const auto& sum) {
        if (sum[0] != 0)
            result.push_back(
                {reason_name(index / WEFT_HOOK_COUNT), hook_name(index % WEFT_HOOK_COUNT), sum[0], sum[1]});
    }));
    return result;
}

Result<Lost> lost(const datapath::Pins& pins) {
    Lost result;
    WEFT_CHECK(sum_per_cpu<std::uint64_t>(pins, WEFT_MAP_LOST, [&](std::uint32_t why, const auto& sum) {
        if (why == WEFT_LOST_RING_FULL) result.ring_full = sum[0];
        if (why == WEFT_LOST_DROP_LIMIT) result.drop_limit = sum[0];
        if (why == WEFT_LOST_DNS_LIMIT) result.dns_limit = sum[0];
    }));
    return result;
}

std::string_view reason_name(std::uint32_t reason) {
    static const auto names = [] {
        std::array<std::string, WEFT_DROP_REASON_COUNT> all;
        all[WEFT_FORWARDED] = "forwarded";
#define WEFT_DROP_REASON(code, name, text, hubble_name, hubble_number) all[code] = #name;
#include "datapath/abi/drop_reason.def"
#undef WEFT_DROP_REASON
        for (auto& name : all)
            std::ranges::transform(name, name.begin(),
                                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return all;
    }();
    return reason < names.size() ? std::string_view(names[reason]) : std::string_view();
}

std::string_view hook_name(std::uint32_t hook) {
    switch (hook) {
        case WEFT_HOOK_FROM_POD:
            return "from_pod";
        case WEFT_HOOK_TO_POD:
            return "to_pod";
        case WEFT_HOOK_FROM_NETDEV:
            return "from_netdev";
        case WEFT_HOOK_TO_NETDEV:
            return "to_netdev";
        case WEFT_HOOK_AGE:
            return "age";
        default:
            return {};
    }
}

}  // namespace weft::maps
