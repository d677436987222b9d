#include "tests/unit/policy/random_world.hpp"

#include "policy/parse.hpp"
#include "tests/unit/policy/random_words.hpp"

namespace weft::policy::test {

Labels RandomWorld::labels() {
    Labels out;
    for (const auto& key : kKeys)
        if (chance(60)) out[key] = one_of(kValues);
    return out;
}

Json RandomWorld::expression() {
    const std::vector<std::string> operators = {"In", "NotIn", "Exists", "DoesNotExist"};
    Json out{{"key", one_of(kKeys)}, {"operator", one_of(operators)}};
    if (out.at("operator") == "In" || out.at("operator") == "NotIn") {
        out["values"] = Json::array();
        for (int i = 0; i <= below(2); ++i) out["values"].push_back(one_of(kValues));
    }
    return out;
}

Json RandomWorld::selector() {
    Json out = Json::object();
    if (chance(50)) out["matchLabels"] = {{one_of(kKeys), one_of(kValues)}};
    if (chance(40)) out["matchExpressions"] = Json::array({expression()});
    return out;
}

Json RandomWorld::cidr_block() {
    const auto& prefixes = kPrefixes[static_cast<std::size_t>(below(2))];
    const std::string outer = one_of(prefixes);
    Json out{{"cidr", outer}};
    const auto whole = Cidr::parse(outer).value();
    for (const auto& text : prefixes) {
        const auto hole = Cidr::parse(text).value();
        if (whole.contains(hole) && hole.length > whole.length && chance(30)) out["except"].push_back(text);
    }
    return out;
}

Json RandomWorld::peer() {
    if (chance(35)) return {{"ipBlock", cidr_block()}};
    Json out = Json::object();
    if (chance(65)) out["podSelector"] = selector();
    if (out.empty() || chance(50)) {
        out["namespaceSelector"] = selector();
        if (chance(30))
            out["namespaceSelector"] = {{"matchLabels", {{"kubernetes.io/metadata.name", one_of(kNamespaces)}}}};
    }
    return out;
}

Json RandomWorld::port() {
    Json out = Json::object();
    if (chance(70)) out["protocol"] = one_of(kProtocols);
    if (chance(30)) {
        out["port"] = one_of(kPortNames);
    } else if (chance(85)) {
        const int first = one_of(kPorts);
        out["port"] = first;
        if (chance(40)) out["endPort"] = std::max(first, one_of(kPorts));
    }
    return out;
}

Json RandomWorld::rules(const char* peers_field) {
    Json out = Json::array();
    for (int i = below(4); i > 0; --i) {
        Json rule = Json::object();
        for (int n = below(3); n > 0; --n) rule[peers_field].push_back(peer());
        for (int n = below(3); n > 0; --n) rule["ports"].push_back(port());
        out.push_back(rule);
    }
    return out;
}

Json RandomWorld::network_policy(const std::string& name) {
    Json spec{{"podSelector", chance(10) ? Json(nullptr) : selector()}};
    if (chance(80)) spec["ingress"] = rules("from");
    if (chance(60)) spec["egress"] = rules("to");
    if (chance(70)) {
        spec["policyTypes"] = Json::array();
        if (chance(60)) spec["policyTypes"].push_back("Ingress");
        if (chance(60)) spec["policyTypes"].push_back("Egress");
    }
    return {{"apiVersion", "networking.k8s.io/v1"},
            {"kind", "NetworkPolicy"},
            {"metadata", {{"name", name}, {"namespace", one_of(kNamespaces)}}},
            {"spec", spec}};
}

IpAddr RandomWorld::address(bool v6) {
    return IpAddr::parse(v6 ? "fd00:10:244::" : "10.244.0.0").value().plus(static_cast<std::uint64_t>(next_address_));
}

Pod RandomWorld::pod(const std::string& namespace_, const std::string& name) {
    Pod out{.namespace_ = namespace_,
            .name = name,
            .uid = {},
            .node = {},
            .labels = labels(),
            .addresses = {},
            .ports = {}};
    const int families = below(3);
    if (families != 0) out.addresses.push_back(address(false));
    if (families != 1) out.addresses.push_back(address(true));
    next_address_ += 1 + below(2);
    for (int i = below(3); i > 0; --i)
        out.ports.push_back({one_of(kPortNames), static_cast<std::uint8_t>(chance(60) ? kTcp : kUdp),
                             static_cast<std::uint16_t>(one_of(kPorts))});
    out.host_network = chance(5);
    if (!out.host_network && chance(75)) out.endpoint = next_endpoint_++;
    return out;
}

Json RandomWorld::policy(const std::string& name) {
    const int which = below(100);
    Json out = which < 30   ? network_policy(name)
               : which < 45 ? cluster_network_policy(name)
               : which < 57 ? admin_network_policy(name, which >= 51)
                            : cilium_policy(name, which >= 85);
    annotate(out);
    return out;
}

void RandomWorld::annotate(Json& object) {
    object["metadata"].erase("annotations");
    if (chance(25)) object["metadata"]["annotations"]["weft.io/mode"] = chance(80) ? "audit" : "enforce";
    if (chance(25)) object["metadata"]["annotations"]["weft.io/log"] = chance(80) ? "false" : "true";
}

// Some know this node by an object, and another that only the facts know.
void RandomWorld::nodes(World& world) {
    for (std::size_t family = 0; family < 2; ++family) {
        if (chance(60)) world.node.host_addresses.push_back(IpAddr::parse(kNodes[family][0]).value());
        if (chance(60)) world.node.remote_nodes.push_back(IpAddr::parse(kNodes[family][1]).value());
    }
    for (const auto& list : {kNodes[0], kNodes[1], kOutside[0], kOutside[1]})
        if (chance(20)) world.node.kube_apiservers.push_back(IpAddr::parse(one_of(list)).value());
    for (std::size_t i = 0; i < kNodes[0].size(); ++i) {
        if (!chance(50)) continue;
        Node node{fmt::format("node{}", i), labels(), {}};
        for (std::size_t family = 0; family < 2; ++family)
            if (chance(80)) node.addresses.push_back(IpAddr::parse(kNodes[family][i]).value());
        world.put(std::move(node));
    }
}

World RandomWorld::make() {
    World out;
    for (const auto& name : kNamespaces)
        if (chance(85)) {
            Namespace object{name, labels()};
            object.labels[std::string(kNamespaceNameLabel)] = name;
            out.put(std::move(object));
        }
    for (int i = 3 + below(10); i > 0; --i) out.put(pod(one_of(kNamespaces), "pod" + std::to_string(i)));
    for (int i = below(10); i > 0; --i) {
        const Json object = policy("policy" + std::to_string(i));
        out.put(std::get<Policy>(parse_object(JsonView(object)).value()));
    }
    nodes(out);
    out.node.endpoint = kNodeEndpoint;
    cidr_groups(out);
    if (chance(50))
        out.node.pod_ranges = {Cidr::parse("10.244.0.0/24").value(), Cidr::parse("fd00:10:244::/120").value()};
    if (chance(50))
        out.node.no_masquerade = {Cidr::parse("10.244.0.0/16").value(), Cidr::parse("fd00:10:244::/64").value()};
    return out;
}

void RandomWorld::edit(World& world) {
    const auto any = [&](auto& map) { return std::next(map.begin(), below(static_cast<int>(map.size()))); };
    if (chance(8)) return cidr_groups(world);
    if (chance(8)) {
        const auto which = static_cast<std::size_t>(below(static_cast<int>(kNodes[0].size())));
        Node node{fmt::format("node{}", which), labels(), {}};
        if (chance(80)) node.addresses.push_back(IpAddr::parse(kNodes[0][which]).value());
        return world.put(std::move(node));
    }
    if (chance(20)) return world.put(pod(one_of(kNamespaces), "pod" + std::to_string(below(15))));
    if (chance(15) && !world.policies.empty()) {
        Json object = any(world.policies)->second->object;
        annotate(object);
        world.put(std::get<Policy>(parse_object(JsonView(object)).value()));
    } else if (chance(40)) {
        const Json object = policy("policy" + std::to_string(below(8)));
        world.put(std::get<Policy>(parse_object(JsonView(object)).value()));
    } else if (chance(30) && !world.policies.empty()) {
        world.policies.erase(any(world.policies));
    } else if (chance(50) && !world.pods.empty()) {
        Pod changed = *any(world.pods)->second;
        changed.labels = labels();
        world.put(std::move(changed));
    } else if (chance(50) && !world.namespaces.empty()) {
        Namespace changed = *any(world.namespaces)->second;
        changed.labels = labels();
        changed.labels[std::string(kNamespaceNameLabel)] = changed.name;
        world.put(std::move(changed));
    } else if (!world.pods.empty()) {
        world.pods.erase(any(world.pods));
    }
}

Packet RandomWorld::packet(const World& world) {
    const auto family = static_cast<std::size_t>(below(2));
    std::vector<IpAddr> candidates;
    for (const auto& [key, pod] : world.pods)
        for (const auto& ip : pod->addresses)
            if (ip.is_v4() == (family == 0)) candidates.push_back(ip);
    const auto pick = [&] {
        if (chance(8)) return IpAddr::parse(one_of(kNodes[family])).value();
        if (candidates.empty() || chance(20)) return IpAddr::parse(one_of(kOutside[family])).value();
        return one_of(candidates);
    };
    const bool icmp = chance(15);
    Packet out{pick(), pick(), icmp ? (family == 0 ? "ICMP" : "ICMPv6") : one_of(kProtocols), 0};
    out.port = icmp ? one_of(kIcmpTypes[family]) : chance(85) ? one_of(kPorts) : 1 + below(65535);
    return out;
}

}  // namespace weft::policy::test
