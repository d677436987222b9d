#include "tests/bench/policy_cluster.hpp"

#include "policy/parse.hpp"

namespace weft::bench {

namespace {

const char* const kEnvironments[] = {"dev", "test", "prod"};
const char* const kTiers[] = {"front", "back", "data"};

Json equal(const std::string& key, const std::string& value) {
    return {{"matchLabels", {{key, value}}}};
}

std::string team(std::size_t number) {
    return fmt::format("team-{}", number % 20);
}

Json network_policy(const std::string& name, std::size_t in, Json spec) {
    return {{"apiVersion", "networking.k8s.io/v1"},
            {"kind", "NetworkPolicy"},
            {"metadata", {{"name", name}, {"namespace", PolicyCluster::namespace_name(in)}}},
            {"spec", std::move(spec)}};
}

Json tcp(int port) {
    return Json::array({{{"protocol", "TCP"}, {"port", port}}});
}

Json default_deny(std::size_t in) {
    const Json dns = {
        {"to", Json::array({{{"namespaceSelector", equal("kubernetes.io/metadata.name", "ns-0")},
                             {"podSelector", equal("app", "app-1")}}})},
        {"ports", Json::array({{{"protocol", "UDP"}, {"port", 53}}, {{"protocol", "TCP"}, {"port", 53}}})}};
    return network_policy(
        "default-deny", in,
        {{"podSelector", Json::object()}, {"policyTypes", {"Ingress", "Egress"}}, {"egress", Json::array({dns})}});
}

Json monitoring(std::size_t in) {
    const Json rule = {{"from", Json::array({{{"namespaceSelector", equal("kubernetes.io/metadata.name", "ns-1")},
                                              {"podSelector", equal("app", "app-9")}}})},
                       {"ports", Json::array({{{"protocol", "TCP"}, {"port", "metrics"}}})}};
    return network_policy(
        "monitoring", in,
        {{"podSelector", Json::object()}, {"policyTypes", {"Ingress"}}, {"ingress", Json::array({rule})}});
}

}  // namespace

std::string PolicyCluster::app(std::size_t in, std::size_t number) {
    return fmt::format("app-{}", (in * 7 + number) % 200);
}

std::string PolicyCluster::tier(std::size_t number) {
    return kTiers[number % 3];
}

policy::Labels PolicyCluster::labels(std::size_t in, std::size_t app_number, std::size_t revision) const {
    return {{"app", app(in, app_number)},
            {"tier", tier(app_number)},
            {"version", fmt::format("v{}", revision % 4)},
            {"pod-template-hash", fmt::format("{:x}-{:x}-{:x}", in, app_number, revision)}};
}

policy::Labels PolicyCluster::local_labels(std::size_t number) const {
    const auto place = local(number);
    return labels(place.in, place.app, 0);
}

Json PolicyCluster::name_space(std::size_t number) const {
    return {
        {"apiVersion", "v1"},
        {"kind", "Namespace"},
        {"metadata",
         {{"name", namespace_name(number)}, {"labels", {{"team", team(number)}, {"env", kEnvironments[number % 3]}}}}}};
}

Json PolicyCluster::pod(std::size_t number) const {
    const auto in = number % kNamespaces, app_number = number / kNamespaces % kApps;
    const auto revision = number / kNamespaces / kApps;
    Json ports = Json::array({{{"name", "metrics"}, {"containerPort", 9090}}});
    if (app_number % 3 == 0) ports.push_back({{"name", "web"}, {"containerPort", 8080}});
    return {{"apiVersion", "v1"},
            {"kind", "Pod"},
            {"metadata",
             {{"name", fmt::format("pod-{}", number)},
              {"namespace", namespace_name(in)},
              {"labels", labels(in, app_number, revision)}}},
            {"spec",
             {{"nodeName", fmt::format("node-{}", number % 900)}, {"containers", Json::array({{{"ports", ports}}})}}},
            {"status", {{"podIPs", Json::array({{{"ip", IpAddr::from_v4(10).plus(number + 1).text()}}})}}}};
}

Json PolicyCluster::app_policy(const std::string& name, std::size_t in, std::size_t subject) {
    Json from = Json::array({{{"podSelector", equal("app", app(in, subject + 1))}}});
    if (below(10) < 3)
        from.push_back(
            {{"namespaceSelector", equal("team", team(below(20)))}, {"podSelector", equal("tier", "front")}});
    if (below(10) < 2) {
        const auto net = below(256);
        from.push_back({{"ipBlock",
                         {{"cidr", fmt::format("192.168.{}.0/24", net)},
                          {"except", Json::array({fmt::format("192.168.{}.{}/29", net, below(32) * 8)})}}}});
    }
    Json spec = {{"podSelector", equal("app", app(in, subject))},
                 {"policyTypes", {"Ingress"}},
                 {"ingress", Json::array({{{"from", std::move(from)}, {"ports", tcp(8080)}}})}};
    if (below(2) == 0) {
        Json to = Json::array({{{"podSelector", equal("app", app(in, subject + 2))}}});
        if (below(100) < 15)
            to.push_back({{"ipBlock", {{"cidr", fmt::format("203.0.{}.{}/32", below(64), below(256))}}}});
        spec["policyTypes"].push_back("Egress");
        spec["egress"] = Json::array({{{"to", std::move(to)}, {"ports", tcp(5432)}}});
    }
    return network_policy(name, in, std::move(spec));
}

Json PolicyCluster::cilium_policy(const std::string& name, std::size_t in, std::size_t subject) const {
    const Json port = {{"ports", Json::array({{{"port", "8443"}, {"protocol", "TCP"}}})}};
    return {{"apiVersion", "cilium.io/v2"},
            {"kind", "CiliumNetworkPolicy"},
            {"metadata", {{"name", name}, {"namespace", namespace_name(in)}}},
            {"spec",
             {{"endpointSelector", equal("app", app(in, subject))},
              {"ingress", Json::array({{{"fromEndpoints", Json::array({equal("app", app(in, subject + 1))})},
                                        {"toPorts", Json::array({port})}},
                                       {{"fromEntities", {"world"}}, {"toPorts", Json::array({port})}}})}}}};
}

Json PolicyCluster::cluster_policy(std::size_t number) {
    const Json dev = {{"action", "Deny"},
                      {"from", Json::array({{{"namespaces", equal("env", "dev")}}})},
                      {"protocols", Json::array({{{"tcp", {{"destinationPort", {{"number", 22}}}}}}})}};
    return {{"apiVersion", "policy.networking.k8s.io/v1alpha2"},
            {"kind", "ClusterNetworkPolicy"},
            {"metadata", {{"name", fmt::format("cluster-{}", number)}}},
            {"spec",
             {{"tier", number % 2 == 0 ? "Admin" : "Baseline"},
              {"priority", number},
              {"subject", {{"namespaces", equal("team", team(number))}}},
              {"ingress", Json::array({dev})}}}};
}

Json PolicyCluster::policy(std::size_t number) {
    if (number >= kNamespaces * kPoliciesEach) {
        const auto place = local(number % kLocalPods);
        return app_policy(fmt::format("more-{}", number), place.in, place.app);
    }
    const auto in = number % kNamespaces, which = number / kNamespaces;
    if (which == 0) return default_deny(in);
    if (which == 1) return monitoring(in);
    if (which == kPoliciesEach - 1 && in % 7 == 0) return cluster_policy(in / 7);
    const auto name = fmt::format("policy-{}", which);
    return below(10) == 0 ? cilium_policy(name, in, which - 2) : app_policy(name, in, which - 2);
}

Result<policy::World> PolicyCluster::world() {
    policy::World out;
    const auto put = [&](const Json& json) -> Result<void> {
        WEFT_TRY(object, policy::parse_object(JsonView(json)));
        std::visit([&](auto&& what) { out.put(std::forward<decltype(what)>(what)); }, std::move(object));
        return {};
    };
    for (std::size_t i = 0; i < kNamespaces; ++i) WEFT_CHECK(put(name_space(i)));
    for (std::size_t i = 0; i < kLabelSets; ++i) WEFT_CHECK(put(pod(i)));
    for (std::size_t i = 0; i < kNamespaces * kPoliciesEach; ++i) WEFT_CHECK(put(policy(i)));
    return out;
}

}  // namespace weft::bench
