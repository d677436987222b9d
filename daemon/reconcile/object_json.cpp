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

}  // namespace

ObjectName name_of(const policy::Object& object) {
    if (const auto* pod = std::get_if<policy::Pod>(&object)) return {"Pod", pod->namespace_, pod->name};
    if (const auto* space = std::get_if<policy::Namespace>(&object)) return {"Namespace", "", space->name};
    return std::get<policy::Policy>(object).name;
}

Json object_json(const policy::Object& object) {
    if (const auto* pod = std::get_if<policy::Pod>(&object)) return pod_json(*pod);
    if (const auto* space = std::get_if<policy::Namespace>(&object))
        return {{"apiVersion", "v1"},
                {"kind", "Namespace"},
                {"metadata", {{"name", space->name}, {"labels", space->labels}}}};
    const auto& rules = std::get<policy::Policy>(object);
    Json out = rules.object;  // an item of a NetworkPolicyList may lack these two
    out["kind"] = rules.name.kind;
    out["apiVersion"] = "networking.k8s.io/v1";
    return out;
}

}  // namespace weft::reconcile
