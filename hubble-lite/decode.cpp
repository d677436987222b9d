#include "hubble-lite/decode.hpp"

#include <cstring>
#include <ctime>

#include "datapath/abi/dns.h"
#include "hubble-lite/decode_dns.hpp"

namespace weft::hubble {

namespace {

constexpr std::string_view kErrorNames[kDecodeErrors] = {"truncated", "version", "type", "length", "field"};
constexpr std::string_view kHookNames[WEFT_HOOK_COUNT] = {"from_pod", "to_pod", "from_netdev", "age", "to_netdev"};

std::optional<DecodeError> check_fields(const weft_event& event) {
    if (event.hook >= WEFT_HOOK_COUNT || event.direction > WEFT_INGRESS) return DecodeError::kField;
    const bool drop = event.header.type == WEFT_EVENT_DROP;
    if (event.audit_direction > WEFT_INGRESS || event.audit_reason >= WEFT_DROP_REASON_COUNT)
        return DecodeError::kField;
    const bool audited = (event.flags & WEFT_EVENT_AUDITED) != 0;
    if ((drop && audited) || (!audited && event.audit_reason != WEFT_FORWARDED)) return DecodeError::kField;
    if (drop != (event.reason != WEFT_FORWARDED) || event.reason >= WEFT_DROP_REASON_COUNT) return DecodeError::kField;
    return std::nullopt;
}

std::int64_t clock_ns(clockid_t clock) {
    timespec now{};
    if (clock_gettime(clock, &now) != 0) return 0;
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::string_view to_string(DecodeError error) {
    return kErrorNames[static_cast<std::size_t>(error)];
}

std::string_view to_string(LostSource source) {
    switch (source) {
        case LostSource::kKernelRing:
            return "PERF_EVENT_RING_BUFFER";
        case LostSource::kEventsQueue:
            return "OBSERVER_EVENTS_QUEUE";
        case LostSource::kFlowRing:
            return "HUBBLE_RING_BUFFER";
        case LostSource::kNone:
            break;
    }
    return "UNKNOWN_LOST_EVENT_SOURCE";
}

std::string_view hook_name(std::uint8_t hook) {
    return hook < WEFT_HOOK_COUNT ? kHookNames[hook] : "unknown";
}

std::string_view event_name(std::uint8_t type) {
    switch (type) {
        case WEFT_EVENT_NEW:
            return "new";
        case WEFT_EVENT_DROP:
            return "drop";
        case WEFT_EVENT_CHANGED:
            return "changed";
        case WEFT_EVENT_CLOSE:
            return "close";
        case WEFT_EVENT_DNS:
            return "dns";
        default:
            return "unknown";
    }
}

const std::vector<DropReason>& drop_reasons() {
    static const std::vector<DropReason> rows = {
#define WEFT_DROP_REASON(code, name, text, hubble_name, hubble_code) {code, #name, text, #hubble_name, hubble_code},
#include "datapath/abi/drop_reason.def"
#undef WEFT_DROP_REASON
    };
    return rows;
}

const DropReason* drop_reason(std::uint32_t code) {
    for (const auto& row : drop_reasons())
        if (row.code == code) return &row;
    return nullptr;
}

unsigned Record::deciding_direction() const {
    if (dropped()) return event.direction;
    return event.rule[WEFT_INGRESS] != 0 ? unsigned{WEFT_INGRESS} : unsigned{WEFT_EGRESS};
}

unsigned Record::audit_direction() const {
    if (would_be_dropped()) return event.audit_direction;
    return event.audit_rule[WEFT_INGRESS] != 0 ? unsigned{WEFT_INGRESS} : unsigned{WEFT_EGRESS};
}

std::string_view Record::verdict() const {
    if (dropped()) return "DROPPED";
    return would_be_dropped() && event.header.type != WEFT_EVENT_CLOSE ? "AUDIT" : "FORWARDED";
}

bool Record::is_policy_verdict() const {
    return event.header.type == WEFT_EVENT_CHANGED || verdict() == "AUDIT";
}

Decoded decode(std::span<const std::byte> bytes) {
    Decoded out;
    weft_event_header header{};
    if (bytes.size() < sizeof header) return {DecodeError::kTruncated, {}, {}};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.version != WEFT_EVENT_VERSION) return {DecodeError::kVersion, {}, {}};
    if (header.type < WEFT_EVENT_NEW || header.type > WEFT_EVENT_LAST) return {DecodeError::kType, {}, {}};
    const bool dns = header.type == WEFT_EVENT_DNS;
    const std::size_t length = dns ? sizeof(weft_dns_event) : sizeof(weft_event);
    if (header.length != length) return {DecodeError::kLength, {}, {}};
    if (bytes.size() < length) return {DecodeError::kTruncated, {}, {}};
    std::memcpy(&out.event, bytes.data(), sizeof out.event);
    out.error = check_fields(out.event);
    if (out.error || !dns) return out;
    out.dns = decode_dns(bytes);
    if (!out.dns) out.error = DecodeError::kField;
    return out;
}

std::int64_t monotonic_offset_ns() {
    return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

}  // namespace weft::hubble
