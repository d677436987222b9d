// Policies of nodes: which apply to this one, what they decide, and what a change of labels does.
#include <gtest/gtest.h>

#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/lint.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

constexpr std::uint32_t kNode = 4095;
constexpr const char *kHost = "192.0.2.10", *kPod = "10.244.0.1", *kOutside = "198.51.100.7", *kOther = "192.0.2.11";

Result<Policy> try_parse(const std::string& spec, const std::string& kind = "CiliumClusterwideNetworkPolicy",
                         Json metadata = {{"name", "p"}}) {
    const Json object{
        {"apiVersion", "cilium.io/v2"}, {"kind", kind}, {"metadata", std::move(metadata)}, {"spec", json(spec)}};
    return kind == "CiliumNetworkPolicy" ? parse_cilium_network_policy(JsonView(object))
                                         : parse_cilium_clusterwide_network_policy(JsonView(object));
}

Policy node_policy(const std::string& name, const std::string& spec, Json annotations = Json::object()) {
    return try_parse(spec, "CiliumClusterwideNetworkPolicy", {{"name", name}, {"annotations", std::move(annotations)}})
        .value();
}

Node node(const std::string& name, const std::string& address, Labels labels) {
    return {name, std::move(labels), {ip(address)}};
}

struct NodePolicies : testing::Test {
    World world;
    MemoryNumbers numbers;
    Compiler compiler{numbers};

    void SetUp() override {
        world.put(pod("red", "web", kPod, {{"app", "web"}}, 1));
        world.put(node("here", kHost, {{"role", "worker"}}));
        world.put(node("there", kOther, {{"role", "control"}}));
        world.node.endpoint = kNode;
        world.node.host_addresses = {ip(kHost)};
        world.node.pod_ranges = {cidr("10.244.0.0/24")};
        ASSERT_TRUE(compiler.update(world, {.everything = true}));
    }
    void put(const std::string& name, const std::string& spec, Json annotations = Json::object()) {
        auto policy = node_policy(name, spec, std::move(annotations));
        const auto key = policy.name;
        world.put(std::move(policy));
        update({.policies = {key}});
    }
    // What was kept up to date is what a compile at once makes.
    void update(const WorldChanges& changes) {
        const auto done = compiler.update(world, changes);
        ASSERT_TRUE(done) << done.error().text();
        const auto whole = compile(world, numbers);
        ASSERT_TRUE(whole);
        EXPECT_EQ(*whole, compiler.image());
    }
    Explanation ask(const char* from, const char* to, std::uint16_t port = 22, bool allow_host = true) const {
        return explain(compiler.image(), ip(from), ip(to), kTcp, port, allow_host).value();
    }
};

TEST_F(NodePolicies, WithoutAnyTheNodeIsAnEndpointThatIsNotIsolated) {
    EXPECT_EQ(compiler.image().node_endpoint, kNode);
    EXPECT_EQ(compiler.image().endpoints.at(kNode), (std::array<std::uint32_t, 2>{0, 0}));
    EXPECT_TRUE(ask(kOutside, kHost).allow);
    EXPECT_TRUE(ask(kHost, kOutside).allow);
}

TEST_F(NodePolicies, IngressIsAskedAboutTheOutsideOtherNodesAndPods) {
    put("ssh", R"({"nodeSelector":{"matchLabels":{"role":"worker"}},"ingress":[
        {"fromEntities":["world"],"toPorts":[{"ports":[{"port":"22","protocol":"TCP"}]}]},
        {"fromEndpoints":[{"matchLabels":{"app":"web"}}],"toPorts":[{"ports":[{"port":"53","protocol":"TCP"}]}]}]})");
    const auto allowed = ask(kOutside, kHost);
    ASSERT_TRUE(allowed.allow && allowed.ingress);
    EXPECT_EQ(allowed.ingress->endpoint, kNode);
    EXPECT_EQ(compiler.image().rules.at(allowed.ingress->rule).policies.at(0).name, "ssh");
    const auto denied = ask(kOutside, kHost, 23);
    EXPECT_FALSE(denied.allow);
    EXPECT_TRUE(denied.ingress->by_default);
    EXPECT_FALSE(ask(kOther, kHost).allow) << "a node is not the world";
    EXPECT_TRUE(ask(kPod, kHost, 53).allow);
    EXPECT_FALSE(ask(kPod, kHost).allow);
    EXPECT_TRUE(ask(kHost, kOutside, 23).allow) << "egress is not isolated";
    EXPECT_TRUE(ask(kHost, kHost, 23).allow) << "to itself";
    EXPECT_TRUE(ask(kOutside, kPod, 23).allow) << "what is only forwarded";
}

TEST_F(NodePolicies, EgressToPodsIsTheNodesWhateverThePodsExempt) {
    put("out", R"({"nodeSelector":{},"egress":[{"toCIDR":["198.51.100.0/24"]}],
        "egressDeny":[{"toCIDR":["198.51.100.7/32"],"toPorts":[{"ports":[{"port":"25","protocol":"TCP"}]}]}]})");
    EXPECT_TRUE(ask(kHost, kOutside).allow);
    const auto denied = ask(kHost, kOutside, 25);
    EXPECT_FALSE(denied.allow);
    EXPECT_FALSE(denied.egress->by_default);
    for (const bool allow_host : {true, false}) EXPECT_FALSE(ask(kHost, kPod, 22, allow_host).allow);
    EXPECT_TRUE(ask(kPod, kHost).allow);
}

TEST_F(NodePolicies, PodsAndNodesAreSelectedApart) {
    put("nodes", R"({"nodeSelector":{},"ingress":[{}]})");
    EXPECT_TRUE(ask(kOutside, kPod).allow) << "a node's policy isolates no pod";
    EXPECT_FALSE(ask(kOutside, kHost).allow);
    world.policies.clear();
    update({.policies = {node_policy("nodes", R"({"nodeSelector":{}})").name}});
    EXPECT_TRUE(ask(kOutside, kHost).allow);
    put("pods", R"({"endpointSelector":{},"ingress":[{}]})");
    EXPECT_TRUE(ask(kOutside, kHost).allow) << "nor a pods' the node";
    EXPECT_FALSE(ask(kOutside, kPod).allow);
}

TEST_F(NodePolicies, FollowTheNodesLabels) {
    put("control", R"({"nodeSelector":{"matchLabels":{"role":"control"}},"ingress":[{}]})");
    EXPECT_TRUE(ask(kOutside, kHost).allow) << "of another node";
    world.put(node("here", kHost, {{"role", "control"}}));
    update({.nodes = true});
    EXPECT_FALSE(ask(kOutside, kHost).allow);
    world.nodes.erase("here");
    update({.nodes = true});
    EXPECT_TRUE(ask(kOutside, kHost).allow) << "without an object it has no labels";
    put("all", R"({"nodeSelector":{},"ingress":[{}]})");
    EXPECT_FALSE(ask(kOutside, kHost).allow) << "but is a node";
}

TEST_F(NodePolicies, InAuditModeOnlySayWhatWouldBe) {
    put("watch", R"({"nodeSelector":{},"ingress":[{}]})", {{"weft.io/mode", "audit"}});
    const auto asked = ask(kOutside, kHost);
    EXPECT_TRUE(asked.allow);
    ASSERT_TRUE(asked.audit);
    EXPECT_FALSE(asked.audit->allow);
}

TEST_F(NodePolicies, SpecsOfOnePolicyMayBeForBoth) {
    const Json object =
        json(R"({"apiVersion":"cilium.io/v2","kind":"CiliumClusterwideNetworkPolicy","metadata":{"name":"both"},
        "specs":[{"endpointSelector":{},"ingress":[{"fromEntities":["world"]}]},{"nodeSelector":{},"ingress":[{"fromEntities":["world"]}]}]})");
    auto policy = parse_cilium_clusterwide_network_policy(JsonView(object)).value();
    const auto key = policy.name;
    world.put(std::move(policy));
    update({.policies = {key}});
    const auto of_pod = ask(kOutside, kPod), of_node = ask(kOutside, kHost);
    EXPECT_EQ(compiler.image().rules.at(of_pod.ingress->rule).place, "specs[0].ingress[0]");
    EXPECT_EQ(compiler.image().rules.at(of_node.ingress->rule).place, "specs[1].ingress[0]");
}

TEST(NodePolicy, WhatIsRefusedSaysWhy) {
    const auto message = [](const std::string& spec, const char* kind = "CiliumClusterwideNetworkPolicy") {
        const bool namespaced = kind == std::string("CiliumNetworkPolicy");
        const auto parsed =
            try_parse(spec, kind, namespaced ? Json{{"name", "p"}, {"namespace", "red"}} : Json{{"name", "p"}});
        return parsed ? std::string("accepted") : parsed.error().text();
    };
    EXPECT_NE(message(R"({"nodeSelector":{}})", "CiliumNetworkPolicy").find("$.spec.nodeSelector: is not supported"),
              std::string::npos);
    EXPECT_NE(message(R"({"nodeSelector":{},"endpointSelector":{}})").find("$.spec.nodeSelector: stands beside"),
              std::string::npos);
    EXPECT_NE(message(R"({"ingress":[{}]})").find("endpointSelector"), std::string::npos);
    EXPECT_NE(message(R"({"nodeSelector":{},"egress":[{},{"toFQDNs":[{"matchName":"a.b"}]}]})")
                  .find("$.spec.egress[1].toFQDNs: is not supported"),
              std::string::npos);
    EXPECT_NE(message(R"({"nodeSelector":{"matchLabels":{"io.kubernetes.pod.namespace":"red"}}})")
                  .find("$.spec.nodeSelector: must be about the labels of nodes"),
              std::string::npos);
    EXPECT_EQ(message(R"({"nodeSelector":{"matchLabels":{"k8s:role":"worker"}},"ingress":[{}]})"), "accepted");
}

TEST_F(NodePolicies, WarningsKnowNodes) {
    const auto warned = [&](const std::string& spec) {
        std::string out;
        for (const auto& warning : lint(node_policy("p", spec), world, Known::kAll))
            out += fmt::format("{} {}\n", warning.path, to_string(warning.kind));
        return out;
    };
    EXPECT_EQ(warned(R"({"nodeSelector":{"matchLabels":{"role":"nobody"}},"ingress":[{"fromEntities":["world"]}]})"),
              "$.spec.nodeSelector selects-no-pod\n");
    EXPECT_EQ(warned(R"({"nodeSelector":{"matchLabels":{"role":"control"}},"ingress":[{"fromEntities":["world"]}]})"),
              "");
    put("pods", R"({"endpointSelector":{},"ingress":[{"fromEntities":["world"]}]})");
    EXPECT_EQ(warned(R"({"nodeSelector":{},"ingress":[{"fromEntities":["world"]}]})"), "")
        << "a policy of pods shadows none of nodes";
    put("nodes", R"({"nodeSelector":{},"ingress":[{"fromEntities":["world"]}]})");
    EXPECT_EQ(warned(R"({"nodeSelector":{"matchLabels":{"role":"control"}},"ingress":[{"fromEntities":["world"]}]})"),
              "$.spec.ingress[0] shadowed\n");
}

}  // namespace
}  // namespace weft::policy::test
