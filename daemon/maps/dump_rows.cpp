#include "daemon/maps/dump_rows.hpp"

#include <arpa/inet.h>

#include <span>
#include <utility>

#include "daemon/maps/keys.hpp"

namespace weft::maps {

namespace {

std::string hex(std::span<const std::uint8_t> bytes, std::string_view between) {
    std::string text;
    for (const auto byte : bytes) text += fmt::format("{}{:02x}", text.empty() ? "" : between, byte);
    return text;
}

Json address_or_null(const IpAddr& address, bool present) {
    return present ? Json(address.text()) : Json(nullptr);
}

std::string_view action_name(std::uint8_t action) {
    switch (action) {
        case WEFT_ACTION_NONE:
            return "none";
        case WEFT_ACTION_PEER:
            return "peer";
        case WEFT_ACTION_STACK:
            return "stack";
        case WEFT_ACTION_NEIGHBOUR:
            return "neighbour";
        case WEFT_ACTION_DELIVER:
            return "deliver";
        default:
            return "unknown";
    }
}

constexpr std::pair<std::uint8_t, const char*> kFlowFlags[] = {{WEFT_FLOW_REPLY, "reply"},
                                                               {WEFT_FLOW_SNAT, "snat"},
                                                               {WEFT_FLOW_DNAT, "dnat"},
                                                               {WEFT_FLOW_FIN, "fin"},
                                                               {WEFT_FLOW_CLOSED, "closed"}};

Json flags_json(std::uint8_t flags) {
    Json names = Json::array();
    for (const auto& [flag, name] : kFlowFlags)
        if ((flags & flag) != 0) names.push_back(name);
    return names;
}

Json policies_json(const std::uint32_t (&policy)[2]) {
    return {{"egress", policy[WEFT_EGRESS]}, {"ingress", policy[WEFT_INGRESS]}};
}

Json endpoint_policies_json(const std::uint32_t (&policy)[WEFT_POLICY_KINDS]) {
    return {{"egress", policy[WEFT_EGRESS]},
            {"ingress", policy[WEFT_INGRESS]},
            {"audit_egress", policy[WEFT_AUDIT + WEFT_EGRESS]},
            {"audit_ingress", policy[WEFT_AUDIT + WEFT_INGRESS]}};
}

Json number_json(std::uint32_t number) {
    return {{"protocol", number >> 16}, {"port", number & 0xffff}};
}

}  // namespace

Json row_json(const weft_control& c) {
    const auto masquerade6 = address_of(c.masquerade6), gateway6 = address_of(c.gateway6);
    return {{"generation", c.generation},
            {"epoch", c.epoch & 1},
            {"automaton", c.epoch >> 1 & 1},
            {"abi_version", c.abi_version},
            {"uplink_ifindex", c.uplink_ifindex},
            {"allow_host", (c.flags & WEFT_CONTROL_ALLOW_HOST) != 0},
            {"masquerade4", address_or_null(IpAddr::from_v4(c.masquerade4), c.masquerade4 != 0)},
            {"masquerade6", address_or_null(masquerade6, masquerade6 != IpAddr())},
            {"gateway4", address_or_null(IpAddr::from_v4(c.gateway4), c.gateway4 != 0)},
            {"gateway6", address_or_null(gateway6, gateway6 != IpAddr())},
            {"masquerade_ports", {c.masquerade_port_first, c.masquerade_port_last}},
            {"timeouts",
             {{"tcp", c.timeout_tcp},
              {"closing", c.timeout_closing},
              {"udp", c.timeout_udp},
              {"other", c.timeout_other},
              {"half_open", c.timeout_half_open}}},
            {"drop_interval_ms", c.drop_interval_ms},
            {"object_digest", hex(c.object_digest, "")}};
}

Json row_json(std::uint32_t number, const weft_endpoint& row, std::uint32_t epoch) {
    return {{"endpoint", number},
            {"ifindex", row.ifindex},
            {"identity", row.identity},
            {"mac", hex(row.mac, ":")},
            {"policy", endpoint_policies_json(row.policy[epoch])},
            {"policy_of_other_epoch", endpoint_policies_json(row.policy[epoch ^ 1])}};
}

Json row_json(std::string_view key, const std::string& text, const weft_addr& row) {
    return {{key, text},
            {"identity", row.identity},
            {"class", row.class_id},
            {"endpoint", row.endpoint},
            {"host", (row.flags & WEFT_ADDR_HOST) != 0},
            {"no_masquerade", (row.flags & WEFT_ADDR_NO_MASQUERADE) != 0},
            {"pod_range", (row.flags & WEFT_ADDR_POD_RANGE) != 0}};
}

Json row_json(std::uint32_t index, const weft_port_row& row) {
    return {{"index", index},
            {"first", number_json(row.first)},
            {"last", number_json(row.last)},
            {"rule", row.rule},
            {"verdict", (row.verdict & WEFT_VERDICT_ALLOW) != 0 ? "allow" : "deny"},
            {"by_default", (row.verdict & WEFT_ROW_DEFAULT_DENY) != 0},
            {"audit", (row.verdict & WEFT_ROW_AUDIT) != 0},
            {"unlogged", (row.verdict & WEFT_ROW_UNLOGGED) != 0},
            {"names", row.verdict >> WEFT_ROW_NAMES_SHIFT}};
}

Json row_json(const Flow& flow) {
    Json row{{"source", flow.source.text()},
             {"source_port", flow.source_port},
             {"destination", flow.destination.text()},
             {"destination_port", flow.destination_port},
             {"protocol", flow.protocol},
             {"action", action_name(flow.action)},
             {"flags", flags_json(flow.flags)},
             {"in_ifindex", flow.in_ifindex},
             {"out_ifindex", flow.out_ifindex},
             {"mac", hex(flow.mac, ":")},
             {"generation", flow.generation},
             {"idle_seconds", flow.idle_seconds},
             {"packets", flow.packets},
             {"bytes", flow.bytes},
             {"rules", policies_json(flow.detail.rule)},
             {"source_identity", flow.detail.source_identity},
             {"destination_identity", flow.detail.destination_identity},
             {"source_endpoint", flow.detail.source_endpoint},
             {"destination_endpoint", flow.detail.destination_endpoint}};
    if ((flow.detail.flags & WEFT_DETAIL_AUDITED) != 0) row["audit_rules"] = policies_json(flow.detail.audit_rule);
    if ((flow.flags & (WEFT_FLOW_SNAT | WEFT_FLOW_DNAT)) != 0)
        row["rewrite"] = {{"address", address_of(flow.detail.rewrite_address).text()},
                          {"port", ntohs(flow.detail.rewrite_port)}};
    return row;
}

}  // namespace weft::maps
