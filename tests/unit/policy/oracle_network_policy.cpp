// NetworkPolicy v1 by its API text.
#include <algorithm>

#include "tests/unit/policy/oracle_parts.hpp"

namespace weft::policy::test {

namespace {

bool peer_matches(const World& world, const std::string& own, const Json& peer, const Ends& ends) {
    if (given(peer, "ipBlock")) {
        const auto& block = peer.at("ipBlock");
        if (!inside(block.at("cidr"), ends.peer_ip)) return false;
        return std::ranges::none_of(field(block, "except"),
                                    [&](const Json& hole) { return inside(hole, ends.peer_ip); });
    }
    if (ends.peer == nullptr) return false;
    if (given(peer, "namespaceSelector")) {
        if (!selected(peer.at("namespaceSelector"), namespace_labels(world, ends.peer->namespace_))) return false;
    } else if (ends.peer->namespace_ != own) {
        return false;
    }
    return !given(peer, "podSelector") || selected(peer.at("podSelector"), pod_labels(*ends.peer));
}

bool port_matches(const Json& entry, const Packet& packet, const Pod* receiver) {
    const std::string protocol = given(entry, "protocol") ? entry.at("protocol").get<std::string>() : "TCP";
    if (protocol != packet.protocol) return false;
    if (!given(entry, "port")) return true;
    const auto& port = entry.at("port");
    if (port.is_string()) return has_named(receiver, port.get<std::string>(), protocol, packet.port);
    const int last = given(entry, "endPort") ? entry.at("endPort").get<int>() : port.get<int>();
    return port.get<int>() <= packet.port && packet.port <= last;
}

bool concerns(const Json& spec, bool egress) {
    const auto& types = field(spec, "policyTypes");
    if (types.empty()) return !egress || !field(spec, "egress").empty();
    return std::ranges::find(types, Json(egress ? "Egress" : "Ingress")) != types.end();
}

}  // namespace

void gather_network_policies(const World& world, const Packet& packet, const Ends& ends, Gathered& out) {
    for (const auto& [name, policy] : world.policies) {
        if (name.kind != "NetworkPolicy") continue;
        const auto& spec = policy->object.at("spec");
        if (name.namespace_ != ends.own->namespace_ || !concerns(spec, ends.egress)) continue;
        if (given(spec, "podSelector") && !selected(spec.at("podSelector"), pod_labels(*ends.own))) continue;
        out.isolating.push_back(title(name));
        int index = -1;
        for (const auto& rule : field(spec, ends.egress ? "egress" : "ingress")) {
            ++index;
            const auto& peers = field(rule, ends.egress ? "to" : "from");
            const auto& ports = field(rule, "ports");
            const bool peer_fits = peers.empty() || std::ranges::any_of(peers, [&](const Json& peer) {
                                       return peer_matches(world, name.namespace_, peer, ends);
                                   });
            const bool port_fits = ports.empty() || std::ranges::any_of(ports, [&](const Json& port) {
                                       return port_matches(port, packet, ends.receiver);
                                   });
            if (peer_fits && port_fits)
                out.allows.push_back(
                    fmt::format("{} spec.{}[{}]", title(name), ends.egress ? "egress" : "ingress", index));
        }
    }
}

}  // namespace weft::policy::test
