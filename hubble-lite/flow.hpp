// What hubble-lite remembers: one record for each event, with the names that held when it arrived.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip_addr.hpp"
#include "datapath/abi/event.h"

namespace weft::hubble {

// One side of a flow, as people know it. Shared by all flows of the same pod; never changed once made.
struct Peer {
    std::string pod_namespace;  // empty: no pod
    std::string pod;
    std::string container_id;
    std::vector<std::string> labels;  // of the identity, "k8s:app=web", sorted
};

// A policy object as people name it.
struct PolicyName {
    std::string kind, name_space, name;
    friend bool operator==(const PolicyName&, const PolicyName&) = default;
};

// What a rule number stands for.
struct Rule {
    std::uint32_t id = 0;
    bool egress = false;
    bool default_deny = false;         // `policies` isolate the pod and none allows
    int index = -1;                    // position in spec.ingress or spec.egress
    std::vector<PolicyName> policies;  // the one whose rule it is, or all that isolate
    std::string path = {};             // of the rule in its policy, "spec.ingress[0]"; empty for default_deny
    std::string tier = {};             // "Admin", "NetworkPolicy", "Baseline"
    int priority = -1;                 // in its tier; -1: there is none
    bool audit = false;                // of a policy in audit mode
    std::string log = {};              // the policy's own text for its flows
};

// Hubble's LostEventSource. kNone marks a record that is a flow.
enum class LostSource : std::uint8_t { kNone = 0, kKernelRing = 1, kEventsQueue = 2, kFlowRing = 3 };
std::string_view to_string(LostSource source);

// A DNS question or its answer.
struct DnsMessage {
    std::string query;  // as people write it, with the dot at the end; odd bytes as \DDD (RFC 1035, 5.1)
    std::uint16_t type = 0;
    bool answer = false;
    std::uint8_t rcode = 0;
    std::uint32_t ttl = 0;            // of an answer with addresses: the lowest
    std::uint64_t latency_ns = 0;     // of an answer
    std::vector<IpAddr> addresses;    // of an answer, the first 16
    std::uint32_t all_addresses = 0;  // how many it had
    bool matched = false;             // a policy speaks of the name
};

struct Record {
    std::int64_t time_ns = 0;  // since 1970
    weft_event event{};        // decoded: hook, direction and reason are in range
    LostSource lost = LostSource::kNone;
    std::uint64_t lost_count = 0;
    std::shared_ptr<const Peer> source, destination;  // null: nothing known
    std::array<std::shared_ptr<const Rule>, 2> rule;  // [enum weft_direction]
    std::shared_ptr<const Rule> audit_rule;           // that would have decided (audit_direction())
    std::shared_ptr<const DnsMessage> dns;            // of WEFT_EVENT_DNS

    bool is_flow() const { return lost == LostSource::kNone; }
    bool dropped() const { return event.header.type == WEFT_EVENT_DROP; }
    IpAddr source_ip() const { return IpAddr::from_bytes(event.source.b); }
    IpAddr destination_ip() const { return IpAddr::from_bytes(event.destination.b); }
    // Whose rule decided: the direction that denied, else the last that had a rule to allow it.
    unsigned deciding_direction() const;
    // Policies in audit mode were asked about a forwarded packet.
    bool audited() const { return (event.flags & WEFT_EVENT_AUDITED) != 0; }
    bool would_be_dropped() const { return audited() && event.audit_reason != WEFT_FORWARDED; }
    unsigned audit_direction() const;
    // "FORWARDED", "DROPPED"; "AUDIT": forwarded, and a connection begins or is decided afresh that would be dropped,
    // were the policies in audit mode enforced.
    std::string_view verdict() const;
    bool is_policy_verdict() const;  // Hubble's kind of message for a decision, besides drops
};

// One row of drop_reason.def.
struct DropReason {
    std::uint32_t code;
    std::string_view name;  // "POLICY_DENIED"
    std::string_view text;
    std::string_view hubble_name;
    std::uint32_t hubble_code;
};
const std::vector<DropReason>& drop_reasons();
const DropReason* drop_reason(std::uint32_t code);  // null: no such code

std::string_view hook_name(std::uint8_t hook);   // "from_pod"
std::string_view event_name(std::uint8_t type);  // "new", "drop", "changed", "close", "dns"

}  // namespace weft::hubble
