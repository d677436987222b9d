#include "daemon/reconcile/state.hpp"

namespace weft::reconcile {

namespace {

std::string protocol_name(std::uint8_t protocol) {
    if (protocol == policy::kUdp) return "UDP";
    return protocol == policy::kSctp ? "SCTP" : "TCP";
}

Json pod_json(const policy::Pod& pod) {
    Json ports = Json::array(), ips = Json::array();
    for (const auto& port : pod.ports)
        ports.push_back(
            {{"name", port.name}, {"protocol", protocol_name(port.protocol)}, {"containerPort", port.port}});
    for (const auto& ip : pod.addresses) ips.push_back({{"ip", ip.text()}});
    Json spec{{"nodeName", pod.node}, {"hostNetwork", pod.host_network}};
    spec["containers"] = Json::array({{{"name", "all"}, {"ports", std::move(ports)}}});
    return {{"apiVersion", "v1"},
            {"kind", "Pod"},
            {"metadata", {{"namespace", pod.namespace_}, {"name", pod.name}, {"uid", pod.uid}, {"labels", pod.labels}}},
            {"spec", std::move(spec)},
            {"status", {{"podIPs", std::move(ips)}}}};
}

Json node_json(const policy::Node& node) {
    Json addresses = Json::array();
    for (const auto& ip : node.addresses) addresses.push_back({{"type", "InternalIP"}, {"address", ip.text()}});
    return {{"apiVersion", "v1"},
            {"kind", "Node"},
            {"metadata", {{"name", node.name}, {"labels", node.labels}}},
            {"status", {{"addresses", std::move(addresses)}}}};
}

Json group_json(const policy::CidrGroup& group) {
    Json cidrs = Json::array();
    for (const auto& cidr : group.cidrs) cidrs.push_back(cidr.text());
    return {{"apiVersion", "cilium.io/v2"},
            {"kind", "CiliumCIDRGroup"},
            {"metadata", {{"name", group.name}, {"labels", group.labels}}},
            {"spec", {{"externalCIDRs", std::move(cidrs)}}}};
}

}  // namespace

Json object_json(const policy::Object& object) {
    if (const auto* pod = std::get_if<policy::Pod>(&object)) return pod_json(*pod);
    if (const auto* space = std::get_if<policy::Namespace>(&object))
        return {{"apiVersion", "v1"},
                {"kind", "Namespace"},
                {"metadata", {{"name", space->name}, {"labels", space->labels}}}};
    if (const auto* node = std::get_if<policy::Node>(&object)) return node_json(*node);
    if (const auto* group = std::get_if<policy::CidrGroup>(&object)) return group_json(*group);
    return std::get<policy::Policy>(object).object;
}

}  // namespace weft::reconcile
