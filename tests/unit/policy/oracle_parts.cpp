#include "tests/unit/policy/oracle_parts.hpp"

#include <algorithm>

namespace weft::policy::test {

namespace {

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

}  // namespace

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
    const int length = slash == prefix.npos ? 128 - skip : std::stoi(prefix.substr(slash + 1));
    for (int bit = skip; bit < skip + length; ++bit) {
        const auto at = static_cast<std::size_t>(bit / 8);
        if (((base.bytes()[at] ^ ip.bytes()[at]) >> (7 - bit % 8) & 1) != 0) return false;
    }
    return true;
}

bool in_any(const std::vector<Cidr>& prefixes, const IpAddr& ip) {
    return std::ranges::any_of(prefixes, [&](const Cidr& prefix) { return inside(prefix.text(), ip); });
}

int number_of(const std::string& protocol) {
    if (protocol == "ICMP") return 1;
    if (protocol == "ICMPv6") return 58;
    return protocol == "TCP" ? 6 : protocol == "UDP" ? 17 : 132;
}

bool has_named(const Pod* receiver, const std::string& name, const std::string& protocol, int port) {
    return receiver != nullptr && std::ranges::any_of(receiver->ports, [&](const NamedPort& known) {
               return known.name == name && known.protocol == number_of(protocol) && known.port == port;
           });
}

bool is_host(const World& world, const IpAddr& ip) {
    const auto& own = world.node.host_addresses;
    if (std::ranges::find(own, ip) != own.end()) return true;
    const Node* node = node_at(world, ip);
    return node != nullptr && std::ranges::any_of(node->addresses, [&](const IpAddr& at) {
               return std::ranges::find(own, at) != own.end();
           });
}

bool is_remote_node(const World& world, const IpAddr& ip) {
    if (is_host(world, ip)) return false;
    const auto& remote = world.node.remote_nodes;
    return std::ranges::find(remote, ip) != remote.end() || node_at(world, ip) != nullptr;
}

const Node* node_at(const World& world, const IpAddr& ip) {
    const auto has = [](const std::vector<IpAddr>& list, const IpAddr& at) {
        return std::ranges::find(list, at) != list.end();
    };
    for (const auto& [name, node] : world.nodes)
        if (has(node->addresses, ip)) return node.get();
    if (!has(world.node.host_addresses, ip)) return nullptr;
    for (const auto& [name, node] : world.nodes)
        for (const auto& own : node->addresses)
            if (has(world.node.host_addresses, own)) return node.get();
    return nullptr;
}

}  // namespace weft::policy::test
