// CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy by the text of their API: every end is a set of labels with
// sources, and selectors look at those.
#include <algorithm>

#include "tests/unit/policy/oracle_parts.hpp"

namespace weft::policy::test {

namespace {

const std::string kNamespaceKey = "io.kubernetes.pod.namespace";
const std::string kNamespaceLabel = "io.cilium.k8s.namespace.labels.";

// "k8s:app", "reserved:world", ... of what has an address.
Strings labels_of_pod(const World& world, const Pod& pod) {
    Strings out;
    for (const auto& [key, value] : pod.labels) out["k8s:" + key] = value;
    for (const auto& [key, value] : namespace_labels(world, pod.namespace_))
        out["k8s:" + kNamespaceLabel + key] = value;
    out["k8s:" + kNamespaceKey] = pod.namespace_;
    return out;
}

bool is_outside(const World& world, const Ends& ends) {
    return ends.peer == nullptr && !is_host(world, ends.peer_ip) && !is_remote_node(world, ends.peer_ip) &&
           !in_any(world.node.pod_ranges, ends.peer_ip);
}

Strings labels_of_peer(const World& world, const Ends& ends) {
    if (ends.peer != nullptr) return labels_of_pod(world, *ends.peer);
    Strings out;
    if (is_host(world, ends.peer_ip)) out["reserved:host"] = "";
    if (is_remote_node(world, ends.peer_ip)) out["reserved:remote-node"] = "";
    const auto& servers = world.node.kube_apiservers;
    const bool is_server = std::ranges::find(servers, ends.peer_ip) != servers.end();
    if (is_server) out["reserved:kube-apiserver"] = "";
    if (is_outside(world, ends) || (is_server && out.size() == 1)) {
        out["reserved:world"] = "";
        out[ends.peer_ip.is_v4() ? "reserved:world-ipv4" : "reserved:world-ipv6"] = "";
    }
    return out;
}

std::string without_source(const std::string& key) {
    return key.starts_with("k8s:") || key.starts_with("any:") ? key.substr(4) : key;
}

// Every key of the selector, with its source taken off.
std::vector<std::string> keys_of(const Json& selector) {
    std::vector<std::string> out;
    for (const auto& [key, value] : field(selector, "matchLabels").items()) out.push_back(without_source(key));
    for (const auto& one : field(selector, "matchExpressions")) out.push_back(without_source(one.at("key")));
    return out;
}

// `labels` have the sources k8s and reserved; a key without one, or with any:, means k8s here.
bool fits(const Json& selector, const Strings& labels) {
    Json plain = selector;
    const auto full = [](const std::string& key) {
        return key.starts_with("reserved:") ? key : "k8s:" + without_source(key);
    };
    for (const auto& [key, value] : field(selector, "matchLabels").items()) {
        const auto at = labels.find(full(key));
        if (at == labels.end() || at->second != value.get<std::string>()) return false;
    }
    plain.erase("matchLabels");
    if (given(plain, "matchExpressions"))
        for (auto& one : plain.at("matchExpressions")) one["key"] = full(one.at("key"));
    return selected(plain, labels);
}

// A selector of peers: of pods of the policy's own namespace, unless it speaks of namespaces or of reserved labels.
bool peer_fits(const Json& selector, const std::string& own, const Strings& labels) {
    bool of_namespaces = false;
    for (const auto& key : keys_of(selector)) {
        if (key.starts_with("reserved:")) return fits(selector, labels);
        of_namespaces |= key == kNamespaceKey || key.starts_with(kNamespaceLabel);
    }
    const auto in = labels.find("k8s:" + kNamespaceKey);
    if (in == labels.end()) return false;  // no pod
    if (!own.empty() && !of_namespaces && in->second != own) return false;
    return fits(selector, labels);
}

bool entity_fits(const std::string& entity, const Strings& labels) {
    if (entity == "all") return true;
    if (entity == "cluster")
        return labels.contains("k8s:" + kNamespaceKey) || labels.contains("reserved:host") ||
               labels.contains("reserved:remote-node") || labels.contains("reserved:kube-apiserver");
    return labels.contains("reserved:" + entity);
}

bool cidr_set_fits(const World& world, const Json& entry, const IpAddr& ip) {
    for (const auto& hole : field(entry, "except"))
        if (inside(hole, ip)) return false;
    if (given(entry, "cidr")) return inside(entry.at("cidr"), ip);
    return std::ranges::any_of(world.cidr_groups, [&](const auto& at) {
        const auto& [name, group] = at;
        const bool meant = given(entry, "cidrGroupRef")
                               ? entry.at("cidrGroupRef") == name
                               : selected(entry.at("cidrGroupSelector"), {group->labels.begin(), group->labels.end()});
        return meant && in_any(group->cidrs, ip);
    });
}

bool port_fits(const Json& port, const Packet& packet, const Ends& ends) {
    if (packet.protocol != "TCP" && packet.protocol != "UDP" && packet.protocol != "SCTP") return false;
    const std::string protocol = given(port, "protocol") ? port.at("protocol").get<std::string>() : "ANY";
    if (protocol != "ANY" && protocol != packet.protocol) return false;
    const std::string text = port.at("port");
    if (text == "0") return true;
    if (std::isdigit(static_cast<unsigned char>(text[0])) == 0)
        return has_named(ends.receiver, text, packet.protocol, packet.port);
    const int first = std::stoi(text);
    const int last = given(port, "endPort") && port.at("endPort") != 0 ? port.at("endPort").get<int>() : first;
    return first <= packet.port && packet.port <= last;
}

bool icmp_fits(const Json& field, const Packet& packet) {
    const bool v6 = given(field, "family") && field.at("family") == "IPv6";
    if (packet.protocol != (v6 ? "ICMPv6" : "ICMP")) return false;
    const auto& type = field.at("type");
    if (type.is_number()) return type == packet.port;
    const std::map<std::string, int> names = {{"EchoRequest", v6 ? 128 : 8}, {"EchoReply", v6 ? 129 : 0}};
    const auto at = names.find(type.get<std::string>());
    return (at == names.end() ? std::stoi(type.get<std::string>()) : at->second) == packet.port;
}

bool ports_fit(const Json& rule, const Packet& packet, const Ends& ends) {
    for (const auto& entry : field(rule, "icmps"))
        for (const auto& one : entry.at("fields"))
            if (icmp_fits(one, packet)) return true;
    if (!field(rule, "icmps").empty()) return false;
    const auto& lists = field(rule, "toPorts");
    if (lists.empty()) return true;
    return std::ranges::any_of(lists, [&](const Json& list) {
        return std::ranges::any_of(list.at("ports"), [&](const Json& port) { return port_fits(port, packet, ends); });
    });
}

using Required = std::vector<std::pair<std::string, const Json*>>;  // the policy's namespace, the selector

bool rule_peers_fit(const World& world, const Json& rule, const std::string& own, const Ends& ends,
                    const Required& required) {
    const std::string prefix = ends.egress ? "to" : "from";
    const auto member = [&](const char* name) { return prefix + name; };
    bool any = false;  // a member is there
    for (const auto* name : {"Endpoints", "Entities", "CIDR", "CIDRSet", "Nodes", "FQDNs"}) {
        if (!given(rule, member(name).c_str())) continue;
        any = true;
        if (rule.at(member(name)).empty()) return false;
    }
    const bool has_ports = !field(rule, "toPorts").empty() || !field(rule, "icmps").empty();
    if (!any) return has_ports && field(rule, member("Requires").c_str()).empty();
    const auto labels = labels_of_peer(world, ends);
    const bool fulfils =
        std::ranges::all_of(required, [&](const auto& one) { return peer_fits(*one.second, one.first, labels); });
    for (const auto& selector : field(rule, member("Endpoints").c_str()))
        if (fulfils && peer_fits(selector, own, labels)) return true;
    for (const auto& entity : field(rule, member("Entities").c_str()))
        if (entity_fits(entity, labels)) return true;
    const bool outside = labels.contains("reserved:world");
    for (const auto& cidr : field(rule, member("CIDR").c_str()))
        if (outside && inside(cidr, ends.peer_ip)) return true;
    for (const auto& entry : field(rule, member("CIDRSet").c_str()))
        if (outside && cidr_set_fits(world, entry, ends.peer_ip)) return true;
    const Node* node = ends.peer == nullptr ? node_at(world, ends.peer_ip) : nullptr;
    if (node == nullptr) return false;
    Strings node_labels;
    for (const auto& [key, value] : node->labels) node_labels["k8s:" + key] = value;
    return std::ranges::any_of(field(rule, member("Nodes").c_str()),
                               [&](const Json& selector) { return fits(selector, node_labels); });
}

struct Selecting {
    std::string policy, own, place;
    const Json* spec;
};

// Of this node; none without an object.
Strings labels_of_own_node(const World& world) {
    Strings out;
    for (const auto& [name, node] : world.nodes) {
        if (std::ranges::none_of(node->addresses, [&](const IpAddr& ip) { return is_host(world, ip); })) continue;
        for (const auto& [key, value] : node->labels) out["k8s:" + key] = value;
        break;
    }
    return out;
}

// The specs that select the packet's own end.
std::vector<Selecting> selecting(const World& world, const Ends& ends) {
    std::vector<Selecting> out;
    const bool of_node = ends.own == nullptr;
    const char* selector = of_node ? "nodeSelector" : "endpointSelector";
    const auto labels = of_node ? labels_of_own_node(world) : labels_of_pod(world, *ends.own);
    const auto add = [&](const PolicyName& name, const Json& spec, const std::string& place) {
        if (!given(spec, selector)) return;
        if (!of_node && !name.namespace_.empty() && name.namespace_ != ends.own->namespace_) return;
        if (fits(spec.at(selector), labels)) out.push_back({title(name), name.namespace_, place, &spec});
    };
    for (const auto& [name, policy] : world.policies) {
        if (!name.kind.starts_with("Cilium")) continue;
        if (given(policy->object, "spec")) add(name, policy->object.at("spec"), "spec");
        int index = 0;
        for (const auto& spec : field(policy->object, "specs")) add(name, spec, fmt::format("specs[{}]", index++));
    }
    return out;
}

}  // namespace

void gather_cilium_policies(const World& world, const Packet& packet, const Ends& ends, Gathered& out) {
    const auto specs = selecting(world, ends);
    const char* direction = ends.egress ? "egress" : "ingress";
    for (const bool deny : {false, true}) {
        const std::string list = fmt::format("{}{}", direction, deny ? "Deny" : "");
        Required required;
        for (const auto& one : specs)
            for (const auto& rule : field(*one.spec, list.c_str()))
                for (const auto& selector : field(rule, ends.egress ? "toRequires" : "fromRequires"))
                    required.emplace_back(one.own, &selector);
        for (const auto& one : specs) {
            int index = -1;
            for (const auto& rule : field(*one.spec, list.c_str())) {
                ++index;
                if (rule_peers_fit(world, rule, one.own, ends, required) && ports_fit(rule, packet, ends))
                    (deny ? out.denies : out.allows)
                        .push_back(fmt::format("{} {}.{}[{}]", one.policy, one.place, list, index));
            }
        }
    }
    for (const auto& one : specs) {
        bool isolates =
            !field(*one.spec, direction).empty() || !field(*one.spec, fmt::format("{}Deny", direction).c_str()).empty();
        if (given(*one.spec, "enableDefaultDeny") && given(one.spec->at("enableDefaultDeny"), direction))
            isolates = one.spec->at("enableDefaultDeny").at(direction);
        if (isolates) out.isolating.push_back(one.policy);
    }
}

}  // namespace weft::policy::test
