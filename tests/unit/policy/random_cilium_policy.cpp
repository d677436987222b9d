// Random CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy objects, and CiliumCIDRGroups.
#include "tests/unit/policy/random_words.hpp"
#include "tests/unit/policy/random_world.hpp"

namespace weft::policy::test {

namespace {

const std::vector<std::string> kSources = {"", "k8s:", "any:"};
const std::vector<std::string> kEntities = {
    "all",  "world",  "world-ipv4", "world-ipv6", "cluster", "host", "remote-node", "kube-apiserver",
    "init", "health", "unmanaged",  "ingress",    "none"};
const std::vector<std::string> kReservedLabels = {"world",          "host",       "remote-node",
                                                  "kube-apiserver", "world-ipv4", "init"};
// The oracle knows no answers: what is by name matches nothing.
const std::vector<std::string> kDnsNames = {"a.example", "b.example", "c.b.example"};
const std::vector<std::string> kGroups = {"group0", "group1", "group2"};  // the last is never there

}  // namespace

// A selector of labels with sources; `peers`: it may speak of namespaces.
Json RandomWorld::cilium_selector(bool peers) {
    const Json plain = selector(), labels = plain.value("matchLabels", Json::object());
    Json out = Json::object();
    for (const auto& [key, value] : labels.items()) out["matchLabels"][one_of(kSources) + key] = value;
    if (plain.contains("matchExpressions")) {
        out["matchExpressions"] = plain["matchExpressions"];
        for (auto& one : out["matchExpressions"]) one["key"] = one_of(kSources) + one["key"].get<std::string>();
    }
    if (!peers) return out;
    if (chance(25)) out["matchLabels"][one_of(kSources) + "io.kubernetes.pod.namespace"] = one_of(kNamespaces);
    if (chance(20)) {
        Json one = expression();
        one["key"] = one_of(kSources) + "io.cilium.k8s.namespace.labels." + one["key"].get<std::string>();
        out["matchExpressions"].push_back(one);
    }
    return out;
}

Json RandomWorld::cilium_cidr_set() {
    Json block = cidr_block();
    if (chance(60)) return block;
    Json out = Json::object();
    if (chance(60))
        out["cidrGroupRef"] = one_of(kGroups);
    else
        out["cidrGroupSelector"] = selector();
    if (block.contains("except")) out["except"] = block["except"];
    return out;
}

Json RandomWorld::cilium_ports() {
    Json out = Json::array();
    for (int i = 0; i <= below(2); ++i) {
        Json port{{"port", chance(25) ? one_of(kPortNames) : chance(10) ? "0" : std::to_string(one_of(kPorts))}};
        if (chance(60)) port["protocol"] = chance(20) ? "ANY" : one_of(kProtocols);
        const std::string text = port["port"];
        if (std::isdigit(static_cast<unsigned char>(text[0])) != 0 && text != "0" && chance(40))
            port["endPort"] = chance(20) ? 0 : std::max(std::stoi(text), one_of(kPorts));
        out.push_back(port);
    }
    return Json::array({Json{{"ports", out}}});
}

Json RandomWorld::cilium_icmps() {
    Json fields = Json::array();
    for (int i = 0; i <= below(2); ++i) {
        const bool v6 = chance(50);
        Json field{{"type", one_of(kIcmpTypes[v6 ? 1 : 0])}};
        if (chance(30)) field["type"] = std::to_string(field["type"].get<int>());
        if (chance(40)) field["type"] = chance(80) ? "EchoRequest" : "EchoReply";
        if (v6 || chance(50)) field["family"] = v6 ? "IPv6" : "IPv4";
        fields.push_back(field);
    }
    return Json::array({Json{{"fields", fields}}});
}

Json RandomWorld::cilium_rule(bool egress, bool deny, bool of_nodes) {
    const std::string prefix = egress ? "to" : "from";
    Json rule = Json::object(), members = Json::array();
    const int which = below(100);
    const std::string member = which < 40   ? "Endpoints"
                               : which < 55 ? "Entities"
                               : which < 65 ? "CIDR"
                               : which < 78 ? "CIDRSet"
                               : which < 85 ? "Nodes"
                               : which < 92 ? (egress && !deny && !of_nodes ? "FQDNs" : "CIDR")
                                            : "";
    for (int i = chance(8) ? 0 : 1 + below(2); i > 0; --i) {
        if (member == "Endpoints")
            members.push_back(chance(12) ? Json{{"matchLabels", {{"reserved:" + one_of(kReservedLabels), ""}}}}
                                         : cilium_selector(true));
        else if (member == "Entities")
            members.push_back(one_of(kEntities));
        else if (member == "CIDR")
            members.push_back(one_of(kPrefixes[static_cast<std::size_t>(below(2))]));
        else if (member == "CIDRSet")
            members.push_back(cilium_cidr_set());
        else if (member == "FQDNs")
            members.push_back(chance(50) ? Json{{"matchName", one_of(kDnsNames)}}
                                         : Json{{"matchPattern", "*." + one_of(kDnsNames)}});
        else if (member == "Nodes")
            members.push_back(cilium_selector(false));
    }
    if (!member.empty()) rule[prefix + member] = members;
    if (chance(8)) rule[prefix + "Requires"] = Json::array({cilium_selector(true)});
    if (chance(50)) rule[chance(25) ? "icmps" : "toPorts"] = Json();
    if (rule.contains("icmps")) rule["icmps"] = cilium_icmps();
    if (rule.contains("toPorts")) rule["toPorts"] = cilium_ports();
    return rule;
}

Json RandomWorld::cilium_spec(bool may_be_of_nodes) {
    const bool of_nodes = may_be_of_nodes && chance(40);
    Json spec{{of_nodes ? "nodeSelector" : "endpointSelector", cilium_selector(false)}};
    for (const auto* list : {"ingress", "egress", "ingressDeny", "egressDeny"}) {
        const bool deny = std::string_view(list).ends_with("Deny");
        if (!chance(deny ? 30 : 60)) continue;
        spec[list] = Json::array();
        for (int i = below(3); i > 0; --i) spec[list].push_back(cilium_rule(list[0] == 'e', deny, of_nodes));
    }
    if (chance(25)) spec["enableDefaultDeny"] = {{"ingress", chance(50)}, {"egress", chance(50)}};
    if (chance(20)) spec["description"] = "of no account";
    return spec;
}

Json RandomWorld::cilium_policy(const std::string& name, bool clusterwide) {
    Json out{{"apiVersion", "cilium.io/v2"},
             {"kind", clusterwide ? "CiliumClusterwideNetworkPolicy" : "CiliumNetworkPolicy"},
             {"metadata", {{"name", name}}}};
    if (!clusterwide) out["metadata"]["namespace"] = one_of(kNamespaces);
    const bool several = chance(25);
    if (!several || chance(30)) out["spec"] = cilium_spec(clusterwide);
    if (several) out["specs"] = Json::array({cilium_spec(clusterwide), cilium_spec(clusterwide)});
    return out;
}

void RandomWorld::cidr_groups(World& world) {
    for (std::size_t i = 0; i + 1 < kGroups.size(); ++i) {
        if (!chance(70)) continue;
        CidrGroup group{kGroups[i], labels(), {}};
        for (int n = below(3); n > 0; --n)
            group.cidrs.push_back(Cidr::parse(one_of(kPrefixes[static_cast<std::size_t>(below(2))])).value());
        world.put(std::move(group));
    }
}

}  // namespace weft::policy::test
