// Random ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy objects.
#include "tests/unit/policy/random_words.hpp"
#include "tests/unit/policy/random_world.hpp"

namespace weft::policy::test {

Json RandomWorld::cluster_subject() {
    if (chance(40)) return {{"namespaces", selector()}};
    return {{"pods", {{"namespaceSelector", selector()}, {"podSelector", selector()}}}};
}

Json RandomWorld::cluster_peer(bool egress, bool accepts) {
    if (egress && accepts && chance(15)) return {{"domainNames", {"*.example.com", "a.example"}}};
    if (egress && chance(30)) {
        Json networks = Json::array();
        for (int i = 0; i <= below(2); ++i) networks.push_back(one_of(kPrefixes[static_cast<std::size_t>(below(2))]));
        return {{"networks", networks}};
    }
    if (egress && chance(20)) return {{"nodes", selector()}};
    return cluster_subject();
}

// {number: {"number": 80}} or {"range": {...}} in the v1alpha2 form.
Json RandomWorld::port_or_range(const char* number) {
    const int first = one_of(kPorts);
    if (chance(60)) return {{number, first}};
    return {{"range", {{"start", first}, {"end", std::max(first, one_of(kPorts))}}}};
}

Json RandomWorld::cluster_ports(bool names, bool alpha1) {
    Json out = Json::array();
    for (int i = below(3); i > 0; --i) {
        if (names && chance(25)) {
            out.push_back({{alpha1 ? "namedPort" : "destinationNamedPort", one_of(kPortNames)}});
            continue;
        }
        Json port = port_or_range("number");
        const std::string protocol = one_of(kProtocols);
        if (!alpha1) {
            const char* key = protocol == "TCP" ? "tcp" : protocol == "UDP" ? "udp" : "sctp";
            out.push_back({{key, chance(80) ? Json{{"destinationPort", port}} : Json::object()}});
            continue;
        }
        const bool single = port.contains("number");
        Json form = single ? Json{{"port", port.at("number")}} : port.at("range");
        if (protocol != "TCP" || chance(50)) form["protocol"] = protocol;
        out.push_back({{single ? "portNumber" : "portRange", form}});
    }
    return out;
}

Json RandomWorld::cluster_rules(bool egress, bool alpha1, bool may_pass) {
    Json out = Json::array();
    for (int i = below(4); i > 0; --i) {
        const int which = below(may_pass ? 3 : 2);
        Json rule{{"action", which == 0 ? "Deny" : which == 2 ? "Pass" : alpha1 ? "Allow" : "Accept"}};
        bool pods_only = true;
        for (int n = 0; n <= below(2); ++n) {
            Json peer = cluster_peer(egress, which == 1);
            pods_only &= !peer.contains("networks") && !peer.contains("nodes") && !peer.contains("domainNames");
            rule[egress ? "to" : "from"].push_back(peer);
        }
        if (chance(60)) rule[alpha1 ? "ports" : "protocols"] = cluster_ports(pods_only, alpha1);
        out.push_back(rule);
    }
    return out;
}

Json RandomWorld::cluster_network_policy(const std::string& name) {
    Json spec{{"tier", chance(60) ? "Admin" : "Baseline"},
              {"priority", below(4)},
              {"subject", cluster_subject()},
              {"ingress", cluster_rules(false, false, true)},
              {"egress", cluster_rules(true, false, true)}};
    return {{"apiVersion", "policy.networking.k8s.io/v1alpha2"},
            {"kind", "ClusterNetworkPolicy"},
            {"metadata", {{"name", name}}},
            {"spec", spec}};
}

Json RandomWorld::admin_network_policy(const std::string& name, bool baseline) {
    Json spec{{"subject", cluster_subject()},
              {"ingress", cluster_rules(false, true, !baseline)},
              {"egress", cluster_rules(true, true, !baseline)}};
    if (!baseline) spec["priority"] = below(4);
    return {{"apiVersion", "policy.networking.k8s.io/v1alpha1"},
            {"kind", baseline ? "BaselineAdminNetworkPolicy" : "AdminNetworkPolicy"},
            {"metadata", {{"name", baseline ? "default" : name}}},
            {"spec", spec}};
}

}  // namespace weft::policy::test
