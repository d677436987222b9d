#include "hubble-lite/flow_json.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "hubble-lite/dns_json.hpp"
#include "hubble-lite/json_writer.hpp"
#include "hubble-lite/l4_json.hpp"

namespace weft::hubble {

namespace {

// pkg/monitor/api: MessageType*.
constexpr std::uint64_t kMessageDrop = 1, kMessageTrace = 4, kMessagePolicyVerdict = 5, kMessageAccessLog = 129;

// TraceObservationPoint of flow.proto, and the same in the event's sub_type, where TO_ENDPOINT is 0.
struct Point {
    std::string_view name;
    std::uint64_t sub_type;
};

Point observation_point(const weft_event& event) {
    if (event.destination_endpoint != 0) return {"TO_ENDPOINT", 0};
    if (event.destination_identity == WEFT_IDENTITY_HOST) return {"TO_HOST", 2};
    return {"TO_STACK", 3};
}

// Addresses as text without the allocations of IpAddr::text().
void write_address(JsonWriter& json, const weft_ip& ip) {
    char text[INET6_ADDRSTRLEN];
    const bool v4 = IpAddr::from_bytes(ip.b).is_v4();
    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? ip.b + 12 : ip.b, text, sizeof text);
    json.plain(text);
}

void text_field(JsonWriter& json, std::string_view name, std::string_view value) {
    if (!value.empty()) json.key(name).string(value);
}

void time_field(JsonWriter& json, std::string_view name, std::int64_t ns) {
    std::string text;
    append_time(text, ns);
    json.key(name).plain(text);
}

void write_endpoint(JsonWriter& json, std::string_view name, const Peer* peer, std::uint64_t id,
                    std::uint64_t identity) {
    json.key(name).begin_object();
    json.field("ID", id);
    json.field("identity", identity);
    if (peer != nullptr) {
        text_field(json, "namespace", peer->pod_namespace);
        if (!peer->labels.empty()) {
            json.key("labels").begin_array();
            for (const auto& label : peer->labels) json.string(label);
            json.end_array();
        }
        text_field(json, "pod_name", peer->pod);
    }
    json.end_object();
}

void write_policy(JsonWriter& json, const PolicyName& policy) {
    json.begin_object();
    text_field(json, "name", policy.name);
    text_field(json, "namespace", policy.name_space);
    text_field(json, "kind", policy.kind);
    json.end_object();
}

void write_policies(JsonWriter& json, std::string_view name, const std::vector<PolicyName>& policies) {
    if (policies.empty()) return;
    json.key(name).begin_array();
    for (const auto& policy : policies) write_policy(json, policy);
    json.end_array();
}

// Hubble's lists name policies whose rule decided. A deny by default has none: who isolates stands in weft.policies.
void write_decided_by(JsonWriter& json, const Record& record) {
    for (const int direction : {WEFT_EGRESS, WEFT_INGRESS}) {
        const Rule* rule = record.rule[static_cast<std::size_t>(direction)].get();
        if (rule == nullptr || rule->default_deny || (record.dropped() && direction != record.event.direction))
            continue;
        const std::string_view names[2][2] = {{"egress_allowed_by", "ingress_allowed_by"},
                                              {"egress_denied_by", "ingress_denied_by"}};
        write_policies(json, names[record.dropped() ? 1 : 0][direction], rule->policies);
    }
}

// The texts of the policies whose rules decided, or would have.
void write_policy_log(JsonWriter& json, const Record& record) {
    std::vector<std::string_view> texts;
    for (const auto* rule : {record.rule[WEFT_EGRESS].get(), record.rule[WEFT_INGRESS].get(), record.audit_rule.get()})
        if (rule != nullptr && !rule->log.empty() && std::ranges::find(texts, rule->log) == texts.end())
            texts.push_back(rule->log);
    if (texts.empty()) return;
    json.key("policy_log").begin_array();
    for (const auto text : texts) json.string(text);
    json.end_array();
}

void write_event_type(JsonWriter& json, const Record& record, const DropReason* reason) {
    const weft_event& event = record.event;
    json.key("event_type").begin_object();
    if (record.dropped()) {
        json.field("type", kMessageDrop);
        json.field("sub_type", reason->hubble_code);
        json.end_object();
        return;
    }
    if (record.dns) {
        json.field("type", kMessageAccessLog).end_object();
        return;
    }
    const Point point = observation_point(event);
    const bool verdict = record.is_policy_verdict();
    json.field("type", verdict ? kMessagePolicyVerdict : kMessageTrace);
    if (!verdict) json.field("sub_type", point.sub_type);
    json.end_object();
    if (!verdict) json.key("trace_observation_point").plain(point.name);
}

void write_flow(JsonWriter& json, const Record& record, std::string_view node_name) {
    const weft_event& event = record.event;
    const DropReason* reason = record.dropped() ? drop_reason(event.reason) : nullptr;
    json.begin_object();
    time_field(json, "time", record.time_ns);
    json.key("verdict").plain(record.verdict());
    if (reason != nullptr) json.field("drop_reason", reason->hubble_code);
    json.key("IP").begin_object().key("source");
    write_address(json, event.source);
    json.key("destination");
    write_address(json, event.destination);
    json.key("ipVersion").plain(record.source_ip().is_v4() ? "IPv4" : "IPv6").end_object();
    write_l4(json, event);
    write_endpoint(json, "source", record.source.get(), event.source_endpoint, event.source_identity);
    write_endpoint(json, "destination", record.destination.get(), event.destination_endpoint,
                   event.destination_identity);
    json.key("Type").plain(record.dns ? "L7" : "L3_L4");
    text_field(json, "node_name", node_name);
    if (record.dns) write_l7(json, *record.dns);
    write_event_type(json, record, reason);
    json.key("traffic_direction").plain(event.direction == WEFT_EGRESS ? "EGRESS" : "INGRESS");
    if (reason != nullptr) json.key("drop_reason_desc").plain(reason->hubble_name);
    // Of a dropped packet it is not known: it has no connection.
    else
        json.key("is_reply").boolean((event.flags & WEFT_EVENT_REPLY) != 0);
    if (event.ifindex != 0)
        json.key("interface").begin_object().key("index").number(std::uint64_t{event.ifindex}).end_object();
    write_decided_by(json, record);
    write_policy_log(json, record);
    json.key("Summary").string(record.dns ? summary(*record.dns) : summary(event)).end_object();
}

void write_rule(JsonWriter& json, std::uint64_t id, const Rule* rule, bool egress) {
    json.begin_object().key("id").number(id).key("direction").plain(egress ? "egress" : "ingress");
    if (rule != nullptr) {
        json.key("default_deny").boolean(rule->default_deny);
        if (!rule->default_deny && !rule->policies.empty()) {
            text_field(json, "kind", rule->policies.front().kind);
            text_field(json, "namespace", rule->policies.front().name_space);
            text_field(json, "name", rule->policies.front().name);
            json.key("index").number(std::int64_t{rule->index});
            text_field(json, "path", rule->path);
        }
        text_field(json, "tier", rule->tier);
        if (rule->priority >= 0) json.key("priority").number(std::int64_t{rule->priority});
        if (rule->audit) json.key("audit").boolean(true);
    }
    json.end_object();
}

void write_rules(JsonWriter& json, const Record& record) {
    const weft_event& event = record.event;
    const unsigned direction = record.deciding_direction();
    if (event.rule[direction] == 0) return;
    const Rule* rule = record.rule[direction].get();
    json.key("rule");
    write_rule(json, event.rule[direction], rule, direction == WEFT_EGRESS);
    if (rule != nullptr) write_policies(json, "policies", rule->policies);
    if (record.dropped()) return;
    json.key("rules").begin_object();
    for (const auto each : {WEFT_EGRESS, WEFT_INGRESS}) {
        if (event.rule[each] == 0) continue;
        json.key(each == WEFT_EGRESS ? "egress" : "ingress");
        write_rule(json, event.rule[each], record.rule[each].get(), each == WEFT_EGRESS);
    }
    json.end_object();
}

// What would be, were the policies in audit mode enforced.
void write_audit(JsonWriter& json, const Record& record) {
    if (!record.audited()) return;
    const weft_event& event = record.event;
    const unsigned direction = record.audit_direction();
    json.key("audit").begin_object();
    json.key("verdict").plain(record.would_be_dropped() ? "DROPPED" : "FORWARDED");
    if (record.would_be_dropped()) {
        const DropReason* reason = drop_reason(event.audit_reason);
        json.key("reason").plain(reason->name).key("reason_text").plain(reason->text);
    }
    if (event.audit_rule[direction] != 0) {
        const Rule* rule = record.audit_rule.get();
        json.key("rule");
        write_rule(json, event.audit_rule[direction], rule, direction == WEFT_EGRESS);
        if (rule != nullptr) write_policies(json, "policies", rule->policies);
    }
    json.end_object();
}

void write_weft(JsonWriter& json, const Record& record) {
    const weft_event& event = record.event;
    json.begin_object().key("event").plain(event_name(event.header.type)).key("hook").plain(hook_name(event.hook));
    write_rules(json, record);
    write_audit(json, record);
    if (record.dropped()) {
        const DropReason* reason = drop_reason(event.reason);
        json.key("reason").plain(reason->name).key("reason_text").plain(reason->text);
    }
    json.key("protocol").number(std::uint64_t{event.protocol});
    json.key("packets").number(std::uint64_t{event.packets}).key("bytes").number(std::uint64_t{event.bytes});
    if ((event.flags & WEFT_EVENT_AGED) != 0) json.key("aged").boolean(true);
    if ((event.flags & (WEFT_EVENT_SNAT | WEFT_EVENT_DNAT)) != 0) {
        json.key((event.flags & WEFT_EVENT_SNAT) != 0 ? "snat" : "dnat").begin_object().key("address");
        write_address(json, event.rewrite_address);
        json.key("port").number(std::uint64_t{ntohs(event.rewrite_port)}).end_object();
    }
    json.key("generation").number(std::uint64_t{event.generation}).end_object();
}

}  // namespace

void append_line(std::string& out, const Record& record, std::string_view node_name) {
    JsonWriter json(out);
    json.begin_object();
    if (record.is_flow()) {
        json.key("flow");
        write_flow(json, record, node_name);
    } else {
        json.key("lost_events").begin_object().key("source").plain(to_string(record.lost));
        json.key("num_events_lost").plain(fmt::to_string(record.lost_count)).end_object();
    }
    text_field(json, "node_name", node_name);
    time_field(json, "time", record.time_ns);
    if (record.is_flow()) {
        json.key("weft");
        write_weft(json, record);
    }
    json.end_object();
    out += '\n';
}

}  // namespace weft::hubble
