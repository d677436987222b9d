// ClusterNetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy: what they are parsed into, and what is refused.
#include <gtest/gtest.h>

#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

Json object(const std::string& kind, const std::string& spec, const std::string& name = "p") {
    return {{"apiVersion", kind == "ClusterNetworkPolicy" ? "policy.networking.k8s.io/v1alpha2"
                                                          : "policy.networking.k8s.io/v1alpha1"},
            {"kind", kind},
            {"metadata", {{"name", name}}},
            {"spec", json(spec)}};
}

Policy parsed(const std::string& kind, const std::string& spec, const std::string& name = "p") {
    const Json value = object(kind, spec, name);
    return std::get<Policy>(parse_object(JsonView(value)).value());
}

// "path: message" of the error; empty when it is accepted.
std::string refused(const std::string& kind, const std::string& spec, const std::string& name = "p") {
    const Json value = object(kind, spec, name);
    const auto out = parse_object(JsonView(value));
    return out ? "" : out.error().text();
}

constexpr const char* kHead = R"({"tier":"Admin","priority":5,"subject":{"namespaces":{}},)";

TEST(ClusterNetworkPolicy, PeersPortsActionsAndPlaces) {
    const auto policy = parsed("ClusterNetworkPolicy", R"({
        "tier": "Baseline", "priority": 7,
        "subject": {"pods": {"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {"matchLabels": {"app": "db"}}}},
        "ingress": [{"name": "n", "action": "Pass", "from": [{"namespaces": {"matchLabels": {"x": "y"}}}]}],
        "egress": [{"action": "Accept", "to": [{"pods": {"namespaceSelector": {}, "podSelector": {}}}],
                    "protocols": [{"tcp": {"destinationPort": {"number": 80}}}, {"sctp": {}},
                                  {"udp": {"destinationPort": {"range": {"start": 5, "end": 9}}}},
                                  {"destinationNamedPort": "web"}]},
                   {"action": "Deny", "to": [{"networks": ["10.0.0.0/8", "fd00::/8"]}, {"nodes": {"matchLabels": {"os": "linux"}}}]}]})");
    EXPECT_EQ(policy.name, (PolicyName{"ClusterNetworkPolicy", "", "p"}));
    ASSERT_EQ(policy.specs.size(), 1U);
    const auto& spec = policy.specs[0];
    EXPECT_EQ(spec.subject.text(), "pods app=db of namespaces a=b");
    EXPECT_EQ(spec.isolates, (std::array<bool, 2>{false, false})) << "only NetworkPolicy isolates";
    ASSERT_EQ(spec.rules.size(), 3U);
    const auto &accept = spec.rules[0], &deny = spec.rules[1], &pass = spec.rules[2];
    EXPECT_EQ(accept.action, Action::kAllow);
    EXPECT_EQ(std::pair(accept.tier, accept.priority), std::pair(kBaselineTier, 7));
    EXPECT_EQ(accept.place(), "spec.egress[0]");
    const std::vector<PortMatch> ports = {{kTcp, "", 80, 80},  {kSctp, "", 0, 0xffff}, {kUdp, "", 5, 9},
                                          {kTcp, "web", 0, 0}, {kUdp, "web", 0, 0},    {kSctp, "web", 0, 0}};
    EXPECT_EQ(accept.ports, ports);
    EXPECT_EQ(deny.place(), "spec.egress[1]");
    ASSERT_EQ(deny.peers.size(), 3U);
    EXPECT_EQ(std::get<IpBlock>(deny.peers[1]).text(), "fd00::/8");
    EXPECT_EQ(std::get<NodeSet>(deny.peers[2]).text(), "nodes os=linux");
    EXPECT_TRUE(deny.any_port);
    EXPECT_EQ(pass.action, Action::kPass);
    EXPECT_EQ(pass.place(), "spec.ingress[0]");
}

TEST(ClusterNetworkPolicy, WhatIsRefusedNamesThePlace) {
    const std::pair<const char*, const char*> rows[] = {
        {R"({"tier":"Top","priority":1,"subject":{"namespaces":{}}})", "$.spec.tier: "},
        {R"({"priority":1,"subject":{"namespaces":{}}})", "$.spec"},
        {R"({"tier":"Admin","priority":1001,"subject":{"namespaces":{}}})", "$.spec.priority: "},
        {R"({"tier":"Admin","priority":1,"subject":{}})", "$.spec.subject: needs one of namespaces, pods"},
        {R"({"tier":"Admin","priority":1,"subject":{"namespaces":{},"pods":{}}})", "$.spec.subject: has both"},
        {R"({"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egresss":[]})", "$.spec"},
    };
    for (const auto& [spec, path] : rows)
        EXPECT_TRUE(refused("ClusterNetworkPolicy", spec).starts_with(path)) << refused("ClusterNetworkPolicy", spec);
    const std::pair<const char*, const char*> rules[] = {
        {R"("ingress":[{"action":"Allow","from":[{"namespaces":{}}]}]})", "$.spec.ingress[0].action: "},
        {R"("ingress":[{"action":"Deny"}]})", "$.spec.ingress[0]"},
        {R"("ingress":[{"action":"Deny","from":[]}]})", "$.spec.ingress[0].from: "},
        {R"("ingress":[{"action":"Deny","from":[{"networks":["10.0.0.0/8"]}]}]})",
         "$.spec.ingress[0].from[0].networks: "},
        {R"("egress":[{"action":"Accept","to":[{"domainNames":["a.b","*"]}]}]})",
         "$.spec.egress[0].to[0].domainNames[1]: '*'"},
        {R"("egress":[{"action":"Accept","to":[{"domainNames":[]}]}]})", "$.spec.egress[0].to[0].domainNames: "},
        {R"("egress":[{"action":"Deny","to":[{"domainNames":["a.b"]}]}]})",
         "$.spec.egress[0].to[0]: domainNames may only stand in rules with the action Accept"},
        {R"("egress":[{"action":"Deny","to":[{"networks":["10.0.0.1"]}]}]})", "$.spec.egress[0].to[0].networks[0]: "},
        {R"("egress":[{"action":"Deny","to":[{"networks":[]}]}]})", "$.spec.egress[0].to[0].networks: "},
        {R"("egress":[{"action":"Deny","to":[{"namespaces":{}}],"protocols":[{"icmp":{}}]}]})",
         "$.spec.egress[0].protocols[0].icmp: "},
        {R"("egress":[{"action":"Deny","to":[{"namespaces":{}}],"protocols":[{"tcp":{"destinationPort":{"number":0}}}]}]})",
         "$.spec.egress[0].protocols[0].tcp.destinationPort.number: "},
        {R"("egress":[{"action":"Deny","to":[{"namespaces":{}}],"protocols":[{"tcp":{"destinationPort":{"range":{"start":5,"end":4}}}}]}]})",
         "$.spec.egress[0].protocols[0].tcp.destinationPort.range.end: "},
        {R"("egress":[{"action":"Deny","to":[{"nodes":{}}],"protocols":[{"destinationNamedPort":"web"}]}]})",
         "$.spec.egress[0].protocols[0]: "},
        {R"("egress":[{"action":"Deny","to":[{"namespaces":{}}],"ports":[]}]})", "$.spec.egress[0]"},
    };
    for (const auto& [rule, path] : rules) {
        const auto text = refused("ClusterNetworkPolicy", kHead + std::string(rule));
        EXPECT_TRUE(text.starts_with(path)) << rule << " gives: " << text;
    }
}

TEST(AdminNetworkPolicy, BothShapesOfItsPeersAndItsPorts) {
    for (const auto* peer : {R"({"namespaces":{"matchLabels":{"a":"b"}}})",
                             R"({"namespaces":{"namespaceSelector":{"matchLabels":{"a":"b"}}}})"}) {
        const auto policy = parsed("AdminNetworkPolicy", fmt::format(R"({{"priority":3,"subject":{{"namespaces":{{}}}},
            "ingress":[{{"action":"Allow","from":[{}],"ports":[{{"portNumber":{{"port":80}}}},
            {{"portRange":{{"protocol":"UDP","start":1,"end":2}}}}]}}]}})",
                                                                     peer));
        const auto& rule = policy.specs.at(0).rules.at(0);
        EXPECT_EQ(std::get<PodSet>(rule.peers.at(0)).text(), "pods <all> of namespaces a=b");
        EXPECT_EQ(rule.ports, (std::vector<PortMatch>{{kTcp, "", 80, 80}, {kUdp, "", 1, 2}}));
        EXPECT_EQ(std::tuple(rule.tier, rule.priority, rule.action), std::tuple(kAdminTier, 3, Action::kAllow));
    }
    EXPECT_NE(refused("AdminNetworkPolicy", R"({"priority":3,"subject":{"namespaces":{}},
        "ingress":[{"action":"Deny","from":[{"namespaces":{"sameLabels":["a"]}}]}]})")
                  .find("$.spec.ingress[0].from[0].namespaces.sameLabels: is not supported"),
              std::string::npos);
}

TEST(AdminNetworkPolicy, TheBaselineIsOneAndComesLast) {
    const std::string spec =
        R"({"subject":{"namespaces":{}},"ingress":[{"action":"Deny","from":[{"namespaces":{}}]}]})";
    const auto policy = parsed("BaselineAdminNetworkPolicy", spec, "default");
    EXPECT_EQ(policy.specs.at(0).rules.at(0).tier, kBaselineTier);
    EXPECT_GT(policy.specs.at(0).rules.at(0).priority, 1000);
    EXPECT_NE(refused("BaselineAdminNetworkPolicy", spec, "other"), "");
    EXPECT_NE(
        refused("BaselineAdminNetworkPolicy",
                R"({"subject":{"namespaces":{}},"ingress":[{"action":"Pass","from":[{"namespaces":{}}]}]})", "default"),
        "");
}

TEST(Tiers, AdminThenNetworkPolicyThenBaseline) {
    World world;
    world.put(space("red"));
    world.put(pod("red", "a", "10.244.0.1", {{"app", "a"}}, 1));
    world.put(pod("red", "b", "10.244.0.2", {{"app", "b"}}, 2));
    const auto rule = [](const char* action) {
        return fmt::format(R"("ingress":[{{"action":"{}","from":[{{"namespaces":{{}}}}]}}]}})", action);
    };
    const auto verdict = [&] {
        MemoryNumbers numbers;
        const auto image = compile(world, numbers).value();
        const auto said = explain(image, ip("10.244.0.1"), ip("10.244.0.2"), kTcp, 80).value();
        const auto named = image.rules.find(said.ingress->rule);
        return fmt::format("{} {}", said.allow, named == image.rules.end() ? "-" : named->second.policies.at(0).name);
    };
    const std::string base = R"({"tier":"Baseline","priority":0,"subject":{"namespaces":{}},)";
    world.put(parsed("ClusterNetworkPolicy", base + rule("Deny"), "base"));
    EXPECT_EQ(verdict(), "false base");
    world.put(network_policy("red", "np", R"({"podSelector":{"matchLabels":{"app":"b"}},"ingress":[{}]})"));
    EXPECT_EQ(verdict(), "true np") << "an isolated pod is decided about before the baseline";
    world.put(parsed("ClusterNetworkPolicy", kHead + rule("Deny"), "admin"));
    EXPECT_EQ(verdict(), "false admin");
    world.put(parsed("ClusterNetworkPolicy",
                     R"({"tier":"Admin","priority":4,"subject":{"namespaces":{}},)" + rule("Pass"), "first"));
    EXPECT_EQ(verdict(), "true np") << "Pass skips the rest of the tier";
    world.policies.erase({"NetworkPolicy", "red", "np"});
    EXPECT_EQ(verdict(), "false base");
}

TEST(Tiers, ARuleSaysItsTierAndThePriorityThatItsPolicyStates) {
    World world;
    world.put(space("red"));
    world.put(pod("red", "a", "10.244.0.1", {{"app", "a"}}, 1));
    const std::string rest = R"("subject":{"namespaces":{}},"ingress":[{"action":"Deny","from":[{"namespaces":{}}]}]})";
    world.put(parsed("ClusterNetworkPolicy", R"({"tier":"Admin","priority":7,)" + rest, "admin"));
    world.put(parsed("ClusterNetworkPolicy", R"({"tier":"Baseline","priority":0,)" + rest, "base"));
    world.put(parsed("BaselineAdminNetworkPolicy", "{" + rest, "default"));
    world.put(network_policy("red", "np", R"({"podSelector":{},"ingress":[{}]})"));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    std::set<std::string> said;
    for (const auto& [number, rule] : image.rules)
        said.insert(fmt::format("{} {} {} {}", rule.policies.at(0).name, tier_name(rule.tier),
                                rule.priority.value_or(-1), rule.by_default ? "default" : rule.place));
    EXPECT_EQ(said, (std::set<std::string>{"admin Admin 7 spec.ingress[0]", "base Baseline 0 spec.ingress[0]",
                                           "default Baseline -1 spec.ingress[0]", "np NetworkPolicy -1 default",
                                           "np NetworkPolicy -1 spec.ingress[0]"}));
}

}  // namespace
}  // namespace weft::policy::test
