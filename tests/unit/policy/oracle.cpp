#include "tests/unit/policy/oracle.hpp"

#include <algorithm>

namespace weft::policy::test {

namespace {

using Strings = std::map<std::string, std::string>;

const Json kNothing = Json::array();

const Json& field(const Json& object, const char* name) {
    return object.contains(name) && !object.at(name).is_null() ? object.at(name) : kNothing;
}
bool given(const Json& object, const char* name) {
    return object.contains(name) && !object.at(name).is_null();
}

bool expression_holds(const Json& expression, const Strings& labels) {
    const auto at = labels.find(expression.at("key").get<std::string>());
    const auto listed = [&] {
        return std::ranges::find(expression.at("values"), Json(at->second)) != expression.at("values").end();
    };
    const std::string op = expression.at("operator");
    if (op == "In") return at != labels.end() && listed();
    if (op == "NotIn") return at == labels.end() || !listed();
    return (op == "Exists") == (at != labels.end());
}

bool selected(const Json& selector, const Strings& labels) {
    for (const auto& [key, value] : field(selector, "matchLabels").items()) {
        const auto at = labels.find(key);
        if (at == labels.end() || at->second != value.get<std::string>()) return false;
    }
    for (const auto& expression : field(selector, "matchExpressions"))
        if (!expression_holds(expression, labels)) return false;
    return true;
}

Strings pod_labels(const Pod& pod) {
    return {pod.labels.begin(), pod.labels.end()};
}

Strings namespace_labels(const World& world, const std::string& name) {
    Strings out;
    if (const auto at = world.namespaces.find(name); at != world.namespaces.end())
        out = {at->second->labels.begin(), at->second->labels.end()};
    out["kubernetes.io/metadata.name"] = name;
    return out;
}

// The prefix's bits, one by one.
bool inside(const std::string& prefix, const IpAddr& ip) {
    const auto slash = prefix.find('/');
    const auto base = IpAddr::parse(prefix.substr(0, slash)).value();
    if (base.is_v4() != ip.is_v4()) return false;
    const int skip = ip.is_v4() ? 96 : 0;
    for (int bit = skip; bit < skip + std::stoi(prefix.substr(slash + 1)); ++bit) {
        const auto at = static_cast<std::size_t>(bit / 8);
        if (((base.bytes()[at] ^ ip.bytes()[at]) >> (7 - bit % 8) & 1) != 0) return false;
    }
    return true;
}

bool peer_matches(const World& world, const std::string& own, const Json& peer, const IpAddr& ip, const Pod* pod) {
    if (given(peer, "ipBlock")) {
        const auto& block = peer.at("ipBlock");
        if (!inside(block.at("cidr"), ip)) return false;
        return std::ranges::none_of(field(block, "except"), [&](const Json& hole) { return inside(hole, ip); });
    }
    if (pod == nullptr) return false;
    if (given(peer, "namespaceSelector")) {
        if (!selected(peer.at("namespaceSelector"), namespace_labels(world, pod->namespace_))) return false;
    } else if (pod->namespace_ != own) {
        return false;
    }
    return !given(peer, "podSelector") || selected(peer.at("podSelector"), pod_labels(*pod));
}

int number_of(const std::string& protocol) {
    return protocol == "TCP" ? 6 : protocol == "UDP" ? 17 : protocol == "SCTP" ? 132 : 1;
}

bool port_matches(const Json& entry, const Packet& packet, const Pod* receiver) {
    const std::string protocol = given(entry, "protocol") ? entry.at("protocol").get<std::string>() : "TCP";
    if (protocol != packet.protocol) return false;
    if (!given(entry, "port")) return true;
    const auto& port = entry.at("port");
    if (port.is_string())
        return receiver != nullptr && std::ranges::any_of(receiver->ports, [&](const NamedPort& known) {
                   return known.name == port.get<std::string>() && known.protocol == number_of(protocol) &&
                          known.port == packet.port;
               });
    const int last = given(entry, "endPort") ? entry.at("endPort").get<int>() : port.get<int>();
    return port.get<int>() <= packet.port && packet.port <= last;
}

bool concerns(const Json& spec, bool egress) {
    const auto& types = field(spec, "policyTypes");
    if (types.empty()) return !egress || !field(spec, "egress").empty();
    return std::ranges::find(types, Json(egress ? "Egress" : "Ingress")) != types.end();
}

struct Ends {
    const Pod* own;
    const Pod* peer;
    const Pod* receiver;
    const IpAddr* peer_ip;
};

void judge_direction(const World& world, const Packet& packet, bool egress, const Ends& ends, bool& allowed,
                     bool& isolated, std::vector<std::string>& rules) {
    for (const auto& [name, policy] : world.policies) {
        const auto& spec = policy->object.at("spec");
        if (name.namespace_ != ends.own->namespace_ || !concerns(spec, egress)) continue;
        if (given(spec, "podSelector") && !selected(spec.at("podSelector"), pod_labels(*ends.own))) continue;
        isolated = true;
        int index = -1;
        for (const auto& rule : field(spec, egress ? "egress" : "ingress")) {
            ++index;
            const auto& peers = field(rule, egress ? "to" : "from");
            const auto& ports = field(rule, "ports");
            const bool peer_fits = peers.empty() || std::ranges::any_of(peers, [&](const Json& peer) {
                                       return peer_matches(world, name.namespace_, peer, *ends.peer_ip, ends.peer);
                                   });
            const bool port_fits = ports.empty() || std::ranges::any_of(ports, [&](const Json& port) {
                                       return port_matches(port, packet, ends.receiver);
                                   });
            if (peer_fits && port_fits)
                rules.push_back(
                    fmt::format("{}/{}/{}/{}", name.namespace_, name.name, egress ? "egress" : "ingress", index));
        }
    }
    allowed = !isolated || !rules.empty();
}

const Pod* pod_at(const World& world, const IpAddr& ip) {
    for (const auto& [key, pod] : world.pods)
        if (!pod->host_network && std::ranges::find(pod->addresses, ip) != pod->addresses.end()) return pod.get();
    return nullptr;
}

}  // namespace

OracleVerdict judge(const World& world, const Packet& packet) {
    OracleVerdict out;
    const Pod* source = pod_at(world, packet.source);
    const Pod* destination = pod_at(world, packet.destination);
    if (source != nullptr && source == destination) return out;
    if (source != nullptr && source->endpoint != 0)
        judge_direction(world, packet, true, {source, destination, destination, &packet.destination}, out.egress,
                        out.egress_isolated, out.egress_rules);
    if (destination != nullptr && destination->endpoint != 0)
        judge_direction(world, packet, false, {destination, source, destination, &packet.source}, out.ingress,
                        out.ingress_isolated, out.ingress_rules);
    return out;
}

}  // namespace weft::policy::test
