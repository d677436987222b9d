// Policies from flows: what they allow is what was seen, and nothing else between the pods that were seen.
#include "policy/recommend.hpp"

#include <gtest/gtest.h>

#include <random>

#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

FlowEnd seen_pod(const std::string& space, const std::string& name, const std::string& address, Labels labels) {
    return {ip(address), 300, space, name, std::move(labels)};
}
FlowEnd seen_address(const std::string& address, std::uint32_t identity = kIdentityWorld) {
    return {ip(address), identity, {}, {}, {}};
}
const FlowEnd kWeb = seen_pod("shop", "web-1", "10.244.0.1", {{"app", "web"}, {"pod-template-hash", "x"}});
const FlowEnd kWeb2 = seen_pod("shop", "web-2", "10.244.0.2", {{"app", "web"}, {"pod-template-hash", "y"}});
const FlowEnd kDb = seen_pod("shop", "db-0", "10.244.0.3", {{"app", "db"}});
const FlowEnd kProbe = seen_pod("ops", "probe", "10.244.0.4", {{"app", "probe"}});

Recommendation made(const std::vector<ObservedFlow>& flows, const RecommendOptions& options = {}) {
    auto out = recommend(flows, options).value();
    EXPECT_EQ(out.denied, std::vector<std::string>{});
    return out;
}

TEST(Recommend, OnePolicyAGroupAndOneRuleASetOfPorts) {
    const auto out = made({{kWeb, kDb, kTcp, 5432},
                           {kWeb2, kDb, kTcp, 5432},
                           {kProbe, kDb, kTcp, 5432},
                           {kWeb, kDb, kUdp, 53},
                           {kWeb, kDb, kTcp, 5432}});
    EXPECT_EQ(out.replayed, 4U);
    ASSERT_EQ(out.policies.size(), 3U) << "probe, db and web";
    EXPECT_EQ(out.policies[1], json(R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",
        "metadata":{"name":"recommended-db","namespace":"shop"},
        "spec":{"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress","Egress"],"egress":[],
        "ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"probe"}},"namespaceSelector":{"matchLabels":
            {"kubernetes.io/metadata.name":"ops"}}}],"ports":[{"protocol":"TCP","port":5432}]},
          {"from":[{"podSelector":{"matchLabels":{"app":"web"}}}],
           "ports":[{"protocol":"TCP","port":5432},{"protocol":"UDP","port":53}]}]}})"));
    EXPECT_EQ(out.policies[2]["spec"]["ingress"], Json::array());
    EXPECT_EQ(out.policies[2]["spec"]["egress"].size(), 1U);
}

TEST(Recommend, AddressesThatFillAPrefixShareIt) {
    std::vector<ObservedFlow> flows;
    for (const auto* address :
         {"192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.5", "2001:db8::2", "2001:db8::3"})
        flows.push_back({kWeb, seen_address(address), kTcp, 443});
    flows.back().source = flows[flows.size() - 2].source = seen_pod("shop", "web-1", "fd00::1", kWeb.labels);
    const auto out = made(flows);
    ASSERT_EQ(out.policies.size(), 1U);
    EXPECT_EQ(out.policies[0]["spec"]["egress"][0]["to"],
              json(R"([{"ipBlock":{"cidr":"192.0.2.0/30"}},{"ipBlock":{"cidr":"192.0.2.5/32"}},
                       {"ipBlock":{"cidr":"2001:db8::2/127"}}])"));
}

TEST(Recommend, APeerWhoseLabelsAnotherHasTooIsNotNamed) {
    const auto canary = seen_pod("shop", "web-3", "10.244.0.5", {{"app", "web"}, {"track", "canary"}});
    const auto out = made({{kWeb, kDb, kTcp, 5432}, {canary, kDb, kTcp, 5432}});
    ASSERT_EQ(out.policies[0]["metadata"]["name"], "recommended-db");
    EXPECT_EQ(
        out.policies[0]["spec"]["ingress"],
        json(R"([{"from":[{"podSelector":{"matchLabels":{"app":"web"}}}],"ports":[{"protocol":"TCP","port":5432}]}])"));
}

TEST(Recommend, PodsWithoutLabelsGetNoPolicy) {
    const auto bare = seen_pod("shop", "job", "10.244.0.6", {});
    const auto out = made({{bare, kDb, kTcp, 5432}});
    ASSERT_EQ(out.policies.size(), 1U) << "a selector of them would isolate every pod of the namespace";
    EXPECT_EQ(out.policies[0]["metadata"]["name"], "recommended-db");
    EXPECT_EQ(out.unlabelled, std::set<std::string>{"shop"});
    EXPECT_EQ(out.unlabelled_peers, std::set<std::string>{"shop"});
}

TEST(Recommend, OnlyWhatIsAskedFor) {
    const std::vector<ObservedFlow> flows = {{kProbe, kDb, kTcp, 5432}};
    const auto of_ops = made(flows, {.only_namespace = "ops"});
    ASSERT_EQ(of_ops.policies.size(), 1U);
    EXPECT_EQ(of_ops.policies[0]["metadata"]["namespace"], "ops");
    const auto incoming = made(flows, {.only_namespace = {}, .egress = false});
    EXPECT_EQ(incoming.policies[0]["spec"]["policyTypes"], json(R"(["Ingress"])"));
    EXPECT_FALSE(incoming.policies[0]["spec"].contains("egress"));
}

TEST(Recommend, TheNodesOwnTrafficNeedsNoRule) {
    const auto out = made({{seen_address("192.0.2.10", kIdentityHost), kDb, kTcp, 8080},
                           {seen_address("192.0.2.11", kIdentityRemoteNode), kDb, kTcp, 8081},
                           {kDb, seen_address("192.0.2.10", kIdentityHost), kTcp, 53}});
    ASSERT_EQ(out.policies.size(), 1U);
    EXPECT_EQ(out.policies[0]["spec"]["ingress"],
              json(R"([{"from":[{"ipBlock":{"cidr":"192.0.2.11/32"}}],"ports":[{"protocol":"TCP","port":8081}]}])"));
    EXPECT_EQ(out.policies[0]["spec"]["egress"].size(), 1U);
}

TEST(Recommend, AnAddressIsItsLastOwners) {
    const auto before = seen_pod("shop", "old", "10.244.0.3", {{"app", "old"}});
    const auto out = made({{kWeb, before, kTcp, 80}, {kWeb, kDb, kTcp, 5432}});
    EXPECT_EQ(out.other_owner, 1U);
    EXPECT_EQ(out.replayed, 1U);
}

TEST(Recommend, NamesAreUniqueAndValid) {
    const auto out = made({{seen_pod("shop", "a", "10.244.0.5", {{"app", "My_App"}}), kDb, kTcp, 1},
                           {seen_pod("shop", "b", "10.244.0.6", {{"app", "my-app"}}), kDb, kTcp, 1},
                           {seen_pod("shop", "c", "10.244.0.7", {{"tier", "x"}}), kDb, kTcp, 1}});
    std::set<std::string> names;
    for (const auto& policy : out.policies) names.insert(policy["metadata"]["name"].get<std::string>());
    EXPECT_EQ(names,
              (std::set<std::string>{"recommended", "recommended-db", "recommended-my-app", "recommended-my-app-2"}));
}

// Whatever was seen is allowed, and nothing else between the same pods.
TEST(Recommend, AllowsExactlyWhatWasSeen) {
    std::mt19937 random(7);
    const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    for (int round = 0; round < 30; ++round) {
        std::vector<FlowEnd> ends;
        for (unsigned i = 0; i < 8; ++i)
            ends.push_back(seen_pod(i % 2 == 0 ? "red" : "blue", fmt::format("p{}", i),
                                    fmt::format("10.244.0.{}", i + 1), {{"app", fmt::format("a{}", i)}}));
        for (unsigned i = 0; i < 4; ++i) ends.push_back(seen_address(fmt::format("192.0.2.{}", i * 3)));
        std::set<ObservedFlow> seen;
        for (unsigned i = 0; i < 20; ++i) {
            const auto &source = ends[below(12)], &destination = ends[below(12)];
            if (source == destination || (!source.is_pod() && !destination.is_pod())) continue;
            seen.insert({source, destination, kTcp, static_cast<std::uint16_t>(80 + below(3))});
        }
        const auto out = made({seen.begin(), seen.end()});
        World world;
        std::uint32_t endpoint = 0;
        for (const auto& end : ends)
            if (end.is_pod()) world.put(pod(end.namespace_, end.pod, end.ip.text(), end.labels, ++endpoint));
        std::set<std::string> subjects;
        for (const auto& policy : out.policies) {
            world.put(parse_network_policy(JsonView(policy)).value());
            subjects.insert(policy["spec"]["podSelector"]["matchLabels"]["app"].get<std::string>());
        }
        MemoryNumbers numbers;
        const auto image = compile(world, numbers).value();
        for (const auto& source : ends)
            for (const auto& destination : ends) {
                if (source == destination) continue;
                const bool asked = (source.is_pod() && subjects.contains(source.labels.at("app"))) ||
                                   (destination.is_pod() && subjects.contains(destination.labels.at("app")));
                for (std::uint16_t port = 80; asked && port < 83; ++port)
                    EXPECT_EQ(explain(image, source.ip, destination.ip, kTcp, port).value().allow,
                              seen.contains({source, destination, kTcp, port}))
                        << source.ip.text() << " -> " << destination.ip.text() << ":" << port;
            }
    }
}

ParsedFlow parsed_flow(const std::string& line) {
    const auto value = json(line);
    return parse_flow(JsonView(value)).value();
}

TEST(ObservedFlows, WhatALineSays) {
    const auto got = parsed_flow(R"({"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"10.0.0.2"},
        "l4":{"UDP":{"source_port":5000,"destination_port":53}},"is_reply":false,
        "source":{"ID":1,"identity":300,"namespace":"red","pod_name":"a","labels":["k8s:app=web","k8s:flag",
            "k8s:io.cilium.k8s.namespace.labels.team=x","k8s:io.kubernetes.pod.namespace=red"]},
        "destination":{"identity":2,"labels":["reserved:world"]}},"weft":{"event":"new"}})");
    EXPECT_EQ(got.why, LeftOut::kNothing);
    EXPECT_EQ(got.flow.source, seen_pod("red", "a", "10.0.0.1", {{"app", "web"}, {"flag", ""}}));
    EXPECT_EQ(got.flow.destination, seen_address("10.0.0.2"));
    EXPECT_EQ(std::pair(got.flow.protocol, got.flow.port), std::pair(kUdp, std::uint16_t{53}));
}

TEST(ObservedFlows, WhatIsLeftOut) {
    const std::string ips = R"("IP":{"source":"10.0.0.1","destination":"10.0.0.2"})";
    EXPECT_EQ(parsed_flow(R"({"lost_events":{}})").why, LeftOut::kLost);
    EXPECT_EQ(parsed_flow(R"({"flow":{"verdict":"DROPPED",)" + ips + "}}").why, LeftOut::kDropped);
    EXPECT_EQ(parsed_flow(R"({"flow":{"verdict":"FORWARDED","is_reply":true,)" + ips + "}}").why, LeftOut::kReply);
    EXPECT_EQ(parsed_flow(R"({"flow":{"verdict":"FORWARDED","l4":{"ICMPv4":{"type":8}},)" + ips + "}}").why,
              LeftOut::kNoPorts);
    for (const char* wrong :
         {R"({"flow":3})", R"({"flow":{"verdict":"FORWARDED"}})",
          R"({"flow":{"verdict":"FORWARDED","IP":{"source":"x","destination":"10.0.0.2"}}})",
          R"({"flow":{"verdict":"FORWARDED","IP":{"source":"1.1.1.1","destination":"10.0.0.2"},"l4":{"TCP":{}}}})"}) {
        const auto value = json(wrong);
        EXPECT_FALSE(parse_flow(JsonView(value))) << wrong;
    }
}

}  // namespace
}  // namespace weft::policy::test
