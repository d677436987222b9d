// ClusterNetworkPolicy v1alpha2 and its v1alpha1 forms by their API text.
#include <algorithm>
#include <tuple>

#include "tests/unit/policy/oracle_parts.hpp"

namespace weft::policy::test {

namespace {

// v1alpha1 once wrapped the selector of a peer's namespaces.
const Json& unwrapped(const Json& selector) {
    return given(selector, "namespaceSelector") ? selector.at("namespaceSelector") : selector;
}

bool pod_matches(const World& world, const Json& set, const Pod* pod) {
    if (pod == nullptr) return false;
    const auto labels = namespace_labels(world, pod->namespace_);
    if (given(set, "namespaces")) {
        const auto& namespaces = set.at("namespaces");
        if (!selected(unwrapped(namespaces), labels)) return false;
    }
    if (!given(set, "pods")) return true;
    const auto& pods = set.at("pods");
    const auto& namespaces =
        given(pods, "namespaces") ? unwrapped(pods.at("namespaces")) : pods.at("namespaceSelector");
    return selected(namespaces, labels) && selected(pods.at("podSelector"), pod_labels(*pod));
}

bool peer_matches(const World& world, const Json& peer, const Ends& ends) {
    if (given(peer, "domainNames")) return false;  // of no answer
    if (given(peer, "networks"))
        return std::ranges::any_of(peer.at("networks"), [&](const Json& cidr) { return inside(cidr, ends.peer_ip); });
    if (given(peer, "nodes")) {
        if (ends.peer != nullptr) return false;
        const Node* node = node_at(world, ends.peer_ip);
        return node != nullptr && selected(peer.at("nodes"), {node->labels.begin(), node->labels.end()});
    }
    return pod_matches(world, peer, ends.peer);
}

bool in_range(const Json& range, int port) {
    return range.at("start").get<int>() <= port && port <= range.at("end").get<int>();
}

bool named_matches(const Json& name, const Packet& packet, const Ends& ends) {
    return has_named(ends.receiver, name.get<std::string>(), packet.protocol, packet.port);
}

bool protocol_matches(const Json& match, const Packet& packet, const Ends& ends) {
    if (given(match, "destinationNamedPort")) return named_matches(match.at("destinationNamedPort"), packet, ends);
    const std::string key = packet.protocol == "TCP"    ? "tcp"
                            : packet.protocol == "UDP"  ? "udp"
                            : packet.protocol == "SCTP" ? "sctp"
                                                        : "none";
    if (!given(match, key.c_str())) return false;
    if (!given(match.at(key), "destinationPort")) return true;
    const auto& port = match.at(key).at("destinationPort");
    return given(port, "number") ? port.at("number") == packet.port : in_range(port.at("range"), packet.port);
}

bool alpha1_port_matches(const Json& match, const Packet& packet, const Ends& ends) {
    if (given(match, "namedPort")) return named_matches(match.at("namedPort"), packet, ends);
    const auto& port = given(match, "portNumber") ? match.at("portNumber") : match.at("portRange");
    if ((given(port, "protocol") ? port.at("protocol").get<std::string>() : "TCP") != packet.protocol) return false;
    return given(port, "port") ? port.at("port") == packet.port : in_range(port, packet.port);
}

bool rule_matches(const World& world, const Json& rule, const Packet& packet, const Ends& ends) {
    const auto& peers = field(rule, ends.egress ? "to" : "from");
    if (std::ranges::none_of(peers, [&](const Json& peer) { return peer_matches(world, peer, ends); })) return false;
    const auto &protocols = field(rule, "protocols"), &ports = field(rule, "ports");
    if (protocols.empty() && ports.empty()) return true;
    return std::ranges::any_of(protocols, [&](const Json& one) { return protocol_matches(one, packet, ends); }) ||
           std::ranges::any_of(ports, [&](const Json& one) { return alpha1_port_matches(one, packet, ends); });
}

// Of policies of one priority the specification leaves the choice open; ours is by kind, then name.
struct Ordered {
    int priority;
    std::string kind, name;
    const Json* spec;
    friend bool operator<(const Ordered& a, const Ordered& b) {
        return std::tie(a.priority, a.kind, a.name) < std::tie(b.priority, b.kind, b.name);
    }
};

std::vector<Ordered> policies_of(const World& world, const std::string& tier) {
    std::vector<Ordered> out;
    for (const auto& [name, policy] : world.policies) {
        const auto& object = policy->object;
        if (name.kind == "ClusterNetworkPolicy" && object.at("spec").at("tier") == tier)
            out.push_back({object.at("spec").at("priority"), name.kind, name.name, &object.at("spec")});
        if (name.kind == "AdminNetworkPolicy" && tier == "Admin")
            out.push_back({object.at("spec").at("priority"), name.kind, name.name, &object.at("spec")});
        if (name.kind == "BaselineAdminNetworkPolicy" && tier == "Baseline")
            out.push_back({1'000'000, name.kind, name.name, &object.at("spec")});  // has none: the last
    }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace

TierVerdict judge_cluster_tier(const World& world, const Packet& packet, const Ends& ends, const std::string& tier) {
    const char* list = ends.egress ? "egress" : "ingress";
    for (const auto& policy : policies_of(world, tier)) {
        if (!pod_matches(world, policy.spec->at("subject"), ends.own)) continue;
        int index = -1;
        for (const auto& rule : field(*policy.spec, list)) {
            ++index;
            if (!rule_matches(world, rule, packet, ends)) continue;
            const auto name = fmt::format("{} spec.{}[{}]", title({policy.kind, "", policy.name}), list, index);
            const std::string action = rule.at("action");
            if (action == "Pass") return {Says::kPass, {}};
            return {action == "Deny" ? Says::kDeny : Says::kAllow, {name}};
        }
    }
    return {};
}

}  // namespace weft::policy::test
