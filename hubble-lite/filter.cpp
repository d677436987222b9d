#include "hubble-lite/filter.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <vector>

#include "common/json.hpp"
#include "hubble-lite/filter_values.hpp"

namespace weft::hubble {

namespace {

enum Side { kSource = 1, kDestination = 2, kEither = 3 };

bool has_ports(const Record& record) {
    return record.event.protocol == IPPROTO_TCP || record.event.protocol == IPPROTO_UDP ||
           record.event.protocol == IPPROTO_SCTP;
}

template <int side>
Result<Predicate> pod(std::string_view value) {
    WEFT_TRY(pattern, parse_pod(value));
    return [pattern](const Record& r) {
        return ((side & kSource) != 0 && pattern.matches(r.source.get())) ||
               ((side & kDestination) != 0 && pattern.matches(r.destination.get()));
    };
}

template <int side>
Result<Predicate> ip(std::string_view value) {
    WEFT_TRY(cidr, Cidr::parse(value));
    return [cidr](const Record& r) {
        return ((side & kSource) != 0 && cidr.contains(r.source_ip())) ||
               ((side & kDestination) != 0 && cidr.contains(r.destination_ip()));
    };
}

template <int side>
Result<Predicate> port(std::string_view value) {
    WEFT_TRY(number, parse_port(value));
    return [wire = htons(number)](const Record& r) {
        if (!has_ports(r)) return false;
        return ((side & kSource) != 0 && r.event.source_port == wire) ||
               ((side & kDestination) != 0 && r.event.destination_port == wire);
    };
}

Result<Predicate> verdict(std::string_view value) {
    const std::string name = lower(value);
    if (name == "forwarded") return [](const Record& r) { return r.verdict() == "FORWARDED"; };
    if (name == "dropped") return [](const Record& r) { return r.dropped(); };
    if (name == "audit") return [](const Record& r) { return r.verdict() == "AUDIT"; };
    return fail(ErrorCode::kInvalid, "'{}' is not a verdict: expected forwarded, dropped or audit", value);
}

Result<Predicate> name_space(std::string_view value) {
    if (value.empty()) return fail(ErrorCode::kInvalid, "expected a namespace");
    return [name = std::string(value)](const Record& r) {
        return (r.source && r.source->pod_namespace == name) || (r.destination && r.destination->pod_namespace == name);
    };
}

Result<Predicate> protocol(std::string_view value) {
    WEFT_TRY(numbers, parse_protocol(value));
    return [numbers](const Record& r) { return std::ranges::find(numbers, r.event.protocol) != numbers.end(); };
}

Result<Predicate> label(std::string_view value) {
    WEFT_TRY(selector, LabelSelector::parse(value));
    return [selector](const Record& r) {
        return selector.matches(r.source.get()) || selector.matches(r.destination.get());
    };
}

Result<Predicate> reason(std::string_view value) {
    const std::string name = lower(value);
    for (const auto& row : drop_reasons())
        if (name == lower(row.name) || name == lower(row.hubble_name) || name == std::to_string(row.hubble_code))
            return [code = row.code](const Record& r) { return r.dropped() && r.event.reason == code; };
    return fail(ErrorCode::kInvalid, "'{}' is not a drop reason: expected a name such as policy_denied", value);
}

Result<Predicate> type(std::string_view value) {
    const std::string name = lower(value);
    if (name == "trace") return [](const Record& r) { return !r.dropped() && !r.is_policy_verdict() && !r.dns; };
    if (name == "l7") return [](const Record& r) { return r.dns != nullptr; };
    if (name == "policy-verdict") return [](const Record& r) { return r.is_policy_verdict(); };
    for (std::uint8_t number = WEFT_EVENT_NEW; number <= WEFT_EVENT_LAST; ++number)
        if (name == event_name(number)) return [number](const Record& r) { return r.event.header.type == number; };
    return fail(ErrorCode::kInvalid,
                "'{}' is not a type: expected new, drop, changed, close, dns, trace, policy-verdict or l7", value);
}

constexpr std::string_view kPodText = "NAME, NAMESPACE/NAME or NAMESPACE/; NAME may be a prefix";
constexpr std::string_view kIpText = "an address or a prefix";
constexpr std::string_view kPortText = "a port number";

constexpr std::array<FilterRow, 15> kRows = {{
    {"verdict", "forwarded, dropped or audit", verdict},
    {"source_pod", kPodText, pod<kSource>},
    {"destination_pod", kPodText, pod<kDestination>},
    {"pod", kPodText, pod<kEither>},
    {"namespace", "a namespace, of either side", name_space},
    {"source_ip", kIpText, ip<kSource>},
    {"destination_ip", kIpText, ip<kDestination>},
    {"ip", kIpText, ip<kEither>},
    {"port", kPortText, port<kEither>},
    {"source_port", kPortText, port<kSource>},
    {"destination_port", kPortText, port<kDestination>},
    {"protocol", "tcp, udp, sctp, icmp, icmpv4, icmpv6 or a number", protocol},
    {"label", "a label selector, of either side", label},
    {"drop_reason", "a name of drop_reason.def or Hubble's, or Hubble's number", reason},
    {"type", "new, drop, changed, close, dns, trace, policy-verdict or l7", type},
}};

std::string near_names(std::string_view name) {
    std::vector<std::string_view> known{"last", "first", "follow", "since", "until"};
    for (const auto& row : kRows) known.push_back(row.name);
    return did_you_mean(name, known);
}

}  // namespace

std::span<const FilterRow> filter_rows() {
    return kRows;
}

Result<void> Filter::add(std::string_view name, std::string_view value) {
    const auto row = std::ranges::find(kRows, name, &FilterRow::name);
    if (row == kRows.end())
        return std::unexpected(
            Error{ErrorCode::kNotFound, "there is no such parameter" + near_names(name), std::string(name)});
    if (++count_ > kMaxTerms)
        return std::unexpected(
            Error{ErrorCode::kExhausted, fmt::format("more than {} filters", kMaxTerms), std::string(name)});
    auto predicate = row->parse(value);
    if (!predicate) {
        predicate.error().path = std::string(name);
        return std::unexpected(std::move(predicate).error());
    }
    terms_[std::string(name)].push_back(std::move(*predicate));
    return {};
}

bool Filter::matches(const Record& record) const {
    return std::ranges::all_of(terms_, [&](const auto& row) {
        return std::ranges::any_of(row.second, [&](const Predicate& p) { return p(record); });
    });
}

}  // namespace weft::hubble
