// CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, CiliumCIDRGroup: what they are parsed into, and what is refused.
#include <gtest/gtest.h>

#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

Result<Policy> cilium(const std::string& spec, bool clusterwide = false, const std::string& name = "p") {
    Json value{{"apiVersion", "cilium.io/v2"},
               {"kind", clusterwide ? "CiliumClusterwideNetworkPolicy" : "CiliumNetworkPolicy"},
               {"metadata", {{"name", name}}},
               {"spec", json(spec)}};
    if (!clusterwide) value["metadata"]["namespace"] = "red";
    auto out = parse_object(JsonView(value));
    if (!out) return std::unexpected(out.error());
    return std::get<Policy>(std::move(*out));
}

std::string refused(const std::string& rule) {
    const auto out = cilium(R"({"endpointSelector":{},)" + rule + "}");
    return out ? "accepted" : out.error().text();
}

TEST(CiliumPolicy, SelectorsSplitIntoPodsAndNamespaces) {
    const auto peer = [](const char* selector, bool clusterwide = false) {
        const auto policy = cilium(
            fmt::format(R"({{"endpointSelector":{{}},"ingress":[{{"fromEndpoints":[{}]}}]}})", selector), clusterwide);
        return std::get<PodSet>(policy.value().specs.at(0).rules.at(0).peers.at(0)).text();
    };
    EXPECT_EQ(peer(R"({"matchLabels":{"k8s:app":"a","any:b":"c","d":"e"}})"), "pods app=a,b=c,d=e of namespace red");
    EXPECT_EQ(peer("{}"), "pods <all> of namespace red");
    EXPECT_EQ(peer("{}", true), "pods <all> of namespaces <all>");
    EXPECT_EQ(peer(R"({"matchLabels":{"k8s:io.kubernetes.pod.namespace":"blue","app":"a"}})"),
              "pods app=a of namespaces kubernetes.io/metadata.name=blue");
    EXPECT_EQ(peer(R"({"matchExpressions":[{"key":"io.cilium.k8s.namespace.labels.team","operator":"Exists"}]})"),
              "pods <all> of namespaces team");
}

TEST(CiliumPolicy, PortsProtocolsAndPlaces) {
    const auto policy =
        cilium(R"({"endpointSelector":{"matchLabels":{"app":"db"}},"egressDeny":[{"toEntities":["world"]}],
        "ingress":[{"fromEndpoints":[{}]},{"toPorts":[{"ports":[{"port":"80","protocol":"TCP"},{"port":"web"},
        {"port":"0","protocol":"UDP"},{"port":"5","endPort":9,"protocol":"SCTP"}]}]}]})")
            .value();
    const auto& spec = policy.specs.at(0);
    EXPECT_EQ(spec.subject.text(), "pods app=db of namespace red");
    EXPECT_EQ(spec.isolates, (std::array<bool, 2>{true, true}));
    ASSERT_EQ(spec.rules.size(), 3U);
    EXPECT_EQ(spec.rules[0].place(), "spec.egressDeny[0]");
    EXPECT_EQ(spec.rules[0].peers, (std::vector<Peer>{Entity::kWorld4, Entity::kWorld6}));
    EXPECT_LT(spec.rules[0].priority, spec.rules[1].priority) << "deny comes first";
    EXPECT_FALSE(spec.rules[1].any_peer);
    EXPECT_TRUE(spec.rules[2].any_peer);
    const std::vector<PortMatch> ports = {{kTcp, "", 80, 80},   {kTcp, "web", 0, 0},   {kUdp, "web", 0, 0},
                                          {kSctp, "web", 0, 0}, {kUdp, "", 0, 0xffff}, {kSctp, "", 5, 9}};
    EXPECT_EQ(spec.rules[2].ports, ports);
}

TEST(CiliumPolicy, DefaultDenyFollowsTheListsOrWhatIsAsked) {
    const std::pair<const char*, std::array<bool, 2>> rows[] = {
        {R"({"endpointSelector":{}})", {false, false}},
        {R"({"endpointSelector":{},"ingress":[]})", {false, false}},
        {R"({"endpointSelector":{},"ingress":[{}]})", {false, true}},
        {R"({"endpointSelector":{},"egressDeny":[{}]})", {true, false}},
        {R"({"endpointSelector":{},"ingress":[{}],"enableDefaultDeny":{"ingress":false}})", {false, false}},
        {R"({"endpointSelector":{},"enableDefaultDeny":{"egress":true}})", {true, false}}};
    for (const auto& [spec, wanted] : rows) EXPECT_EQ(cilium(spec).value().specs.at(0).isolates, wanted) << spec;
}

TEST(CiliumPolicy, WhatIsRefusedNamesTheField) {
    const std::pair<const char*, const char*> rows[] = {
        {R"("nodeSelector":{})", "$.spec.nodeSelector: stands beside endpointSelector"},
        {R"("log":{"text":"x"})", "$.spec.log"},
        {R"("ingres":[])", "$.spec"},
        {R"("ingress":[{"icmps":[{"fields":[]}]}])", "$.spec.ingress[0].icmps[0].fields: "},
        {R"("ingress":[{"icmps":[{}]}])", "$.spec.ingress[0].icmps[0]"},
        {R"("ingress":[{"icmps":[{"fields":[{}]}]}])", "$.spec.ingress[0].icmps[0].fields[0]"},
        {R"("ingress":[{"icmps":[{"fields":[{"type":256}]}]}])", "$.spec.ingress[0].icmps[0].fields[0].type: "},
        {R"("ingress":[{"icmps":[{"fields":[{"type":"PacketTooBig"}]}]}])",
         "$.spec.ingress[0].icmps[0].fields[0].type: "},
        {R"("ingress":[{"icmps":[{"fields":[{"type":8,"family":"IPv5"}]}]}])",
         "$.spec.ingress[0].icmps[0].fields[0].family: "},
        {R"("ingress":[{"icmps":[{"fields":[{"type":8,"code":0}]}]}])", "$.spec.ingress[0].icmps[0].fields[0]"},
        {R"("ingress":[{"icmps":[{"fields":[{"type":8}]}],"toPorts":[{"ports":[{"port":"1"}]}]}])",
         "$.spec.ingress[0]: icmps may not stand beside toPorts"},
        {R"("ingress":[{"authentication":{"mode":"required"}}])", "$.spec.ingress[0].authentication: is not supported"},
        {R"("ingress":[{"fromGroups":[{}]}])", "$.spec.ingress[0].fromGroups: is not supported"},
        {R"("egress":[{"toFQDNs":[{"matchName":"*.b"}]}])", "$.spec.egress[0].toFQDNs[0].matchName: '*.b'"},
        {R"("egress":[{"toFQDNs":[{"matchPattern":"a b"}]}])", "$.spec.egress[0].toFQDNs[0].matchPattern: 'a b'"},
        {R"("egress":[{"toFQDNs":[{"matchName":"a","matchPattern":"b"}]}])", "$.spec.egress[0].toFQDNs[0]: has both"},
        {R"("egress":[{"toFQDNs":[{}]}])", "$.spec.egress[0].toFQDNs[0]: needs one of"},
        {R"("egress":[{"toFQDNs":[{"matchName":"a.b"}],"toCIDR":["10.0.0.0/8"]}])",
         "$.spec.egress[0].toFQDNs: may not"},
        {R"("egressDeny":[{"toFQDNs":[{"matchName":"a.b"}]}])", "$.spec.egressDeny[0].toFQDNs: names may only"},
        {R"("ingress":[{"toFQDNs":[{"matchName":"a.b"}]}])", "$.spec.ingress[0]"},
        {R"("egress":[{"toPorts":[{"ports":[{"port":"53"}],"rules":{"dns":[{"matchPattern":"*.a"}]}}]}])",
         "$.spec.egress[0].toPorts[0].rules.dns[0]: is not supported"},
        {R"("egress":[{"toServices":[{}]}])", "$.spec.egress[0].toServices: is not supported"},
        {R"("egress":[{"toGroups":[{}]}])", "$.spec.egress[0].toGroups: is not supported"},
        {R"("ingress":[{"toPorts":[{"ports":[{"port":"80"}],"rules":{"http":[{}]}}]}])",
         "$.spec.ingress[0].toPorts[0].rules.http: is not supported"},
        {R"("ingress":[{"toPorts":[{"ports":[{"port":"80"}],"listener":{}}]}])",
         "$.spec.ingress[0].toPorts[0].listener: is not supported"},
        {R"("ingress":[{"toPorts":[{"ports":[{"port":"80"}],"terminatingTLS":{}}]}])",
         "$.spec.ingress[0].toPorts[0].terminatingTLS: is not supported"},
        {R"("ingress":[{"toPorts":[{"ports":[{"port":"80"}],"serverNames":["a"]}]}])",
         "$.spec.ingress[0].toPorts[0].serverNames: is not supported"},
        {R"("ingress":[{"toPorts":[{"ports":[{"port":80}]}]}])", "$.spec.ingress[0].toPorts[0].ports[0].port: "},
        {R"("ingress":[{"toPorts":[{"ports":[]}]}])", "$.spec.ingress[0].toPorts[0].ports: "},
        {R"("ingress":[{"toPorts":[{"ports":[{"port":"9","endPort":5}]}]}])",
         "$.spec.ingress[0].toPorts[0].ports[0].endPort: "},
        {R"("ingress":[{"fromEndpoints":[{}],"fromCIDR":["10.0.0.0/8"]}])", "$.spec.ingress[0].fromCIDR: "},
        {R"("ingress":[{"fromEntities":["moon"]}])", "$.spec.ingress[0].fromEntities[0]: "},
        {R"("ingress":[{"fromCIDRSet":[{"cidr":"10.0.0.0/8","except":["11.0.0.0/8"]}]}])",
         "$.spec.ingress[0].fromCIDRSet[0]: "},
        {R"("ingress":[{"fromCIDRSet":[{}]}])", "$.spec.ingress[0].fromCIDRSet[0]: "},
        {R"("ingress":[{"fromEndpoints":[{"matchLabels":{"container:a":"b"}}]}])",
         "$.spec.ingress[0].fromEndpoints[0].matchLabels"},
        {R"("ingress":[{"toEndpoints":[{}]}])", "$.spec.ingress[0]"}};
    for (const auto& [rule, path] : rows)
        EXPECT_TRUE(refused(rule).starts_with(path)) << rule << " gives: " << refused(rule);
    const auto other = cilium(R"({"endpointSelector":{"matchLabels":{"k8s:io.kubernetes.pod.namespace":"blue"}}})");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().path, "$.spec.endpointSelector");
}

TEST(CiliumPolicy, NamesAndTheRuleThatTurnsOnCiliumsProxy) {
    const auto policy = cilium(R"({"endpointSelector":{},"egress":[{"toFQDNs":[{"matchName":"A.example.com."},
        {"matchPattern":"*.example.com"}],"toPorts":[{"ports":[{"port":"443","protocol":"TCP"}]}]},
        {"toPorts":[{"ports":[{"port":"53"}],"rules":{"dns":[{"matchPattern":"*"}]}}]}]})")
                            .value();
    const auto& rules = policy.specs.at(0).rules;
    EXPECT_EQ(rules.at(0).peers, (std::vector<Peer>{DnsPeer{"a.example.com"}, DnsPeer{"*.example.com"}}));
    EXPECT_FALSE(rules.at(0).any_peer);
    EXPECT_TRUE(rules.at(1).any_peer);
    EXPECT_NE(rules.at(0).text().find("name *.example.com"), std::string::npos);
}

TEST(CiliumPolicy, TypesOfIcmp) {
    const auto policy = cilium(R"({"endpointSelector":{},"ingress":[{"icmps":[{"fields":[{"type":8},{"type":"13"}]},
        {"fields":[{"family":"IPv6","type":"EchoRequest"},{"family":"IPv4","type":"EchoReply"}]}]}]})")
                            .value();
    const auto& rule = policy.specs.at(0).rules.at(0);
    EXPECT_TRUE(rule.any_peer) << "as ports without peers";
    EXPECT_FALSE(rule.any_port);
    const std::vector<PortMatch> types = {
        {kIcmp, "", 8, 8}, {kIcmp, "", 13, 13}, {kIcmpv6, "", 128, 128}, {kIcmp, "", 0, 0}};
    EXPECT_EQ(rule.ports, types);
    EXPECT_TRUE(cilium(R"({"endpointSelector":{},"egressDeny":[{"toEntities":["world"],"icmps":[]}]})")
                    .value()
                    .specs.at(0)
                    .rules.at(0)
                    .any_port);
}

// Cilium's deny wins over every allow of its tier, a NetworkPolicy's too; the Admin tier stands before both.
TEST(CiliumPolicy, DenyAgainstAllowAndAgainstTheAdminTier) {
    World world;
    world.put(space("red"));
    world.put(pod("red", "a", "10.244.0.1", {{"app", "a"}}, 1));
    world.put(pod("red", "b", "10.244.0.2", {{"app", "b"}}, 2));
    const auto verdict = [&] {
        MemoryNumbers numbers;
        const auto image = compile(world, numbers).value();
        const auto said = explain(image, ip("10.244.0.1"), ip("10.244.0.2"), kTcp, 80).value();
        const auto& rule = image.rules.at(said.ingress->rule);
        return fmt::format("{} {} {}", said.allow, rule.policies.at(0).kind, rule.place);
    };
    world.put(network_policy("red", "np", R"({"podSelector":{},"ingress":[{}]})"));
    EXPECT_EQ(verdict(), "true NetworkPolicy spec.ingress[0]");
    world.put(
        cilium(R"({"endpointSelector":{},"ingressDeny":[{"fromEndpoints":[{"matchLabels":{"app":"a"}}]}]})").value());
    EXPECT_EQ(verdict(), "false CiliumNetworkPolicy spec.ingressDeny[0]");
    const Json admin =
        json(R"({"apiVersion":"policy.networking.k8s.io/v1alpha2","kind":"ClusterNetworkPolicy","metadata":{"name":"x"},
        "spec":{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"ingress":[{"action":"Accept","from":[{"namespaces":{}}]}]}})");
    world.put(std::get<Policy>(parse_object(JsonView(admin)).value()));
    EXPECT_EQ(verdict(), "true ClusterNetworkPolicy spec.ingress[0]");
}

}  // namespace
}  // namespace weft::policy::test
