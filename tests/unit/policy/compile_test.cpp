#include "policy/compile.hpp"

#include <gtest/gtest.h>

#include "policy/explain.hpp"
#include "policy/lint.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

// red/web (1), red/db (2) are local; blue/web is not.
World small_world() {
    World out;
    out.put(space("red", {{"team", "r"}}));
    out.put(space("blue", {{"team", "b"}}));
    out.put(pod("red", "web", "10.244.0.1", {{"app", "web"}}, 1));
    out.put(pod("red", "db", "10.244.0.2", {{"app", "db"}}, 2));
    out.put(pod("blue", "web", "10.244.1.1", {{"app", "web"}}));
    out.node.host_addresses = {ip("192.0.2.10")};
    out.node.remote_nodes = {ip("192.0.2.11")};
    out.node.pod_ranges = {cidr("10.244.0.0/24")};
    out.node.no_masquerade = {cidr("10.244.0.0/16")};
    return out;
}

constexpr auto kIn = static_cast<std::size_t>(Direction::kIngress);
constexpr auto kOut = static_cast<std::size_t>(Direction::kEgress);

Explanation ask(const Image& image, const std::string& from, const std::string& to, std::uint16_t port,
                std::uint8_t protocol = kTcp) {
    return explain(image, ip(from), ip(to), protocol, port).value();
}

TEST(Compile, WithoutPoliciesNothingIsIsolatedAndEverythingIsOfClassZero) {
    MemoryNumbers numbers;
    const auto image = compile(small_world(), numbers).value();
    EXPECT_TRUE(image.policies.empty());
    EXPECT_TRUE(image.rules.empty());
    EXPECT_EQ(image.endpoints.at(1), (std::array<std::uint32_t, 2>{0, 0}));
    EXPECT_EQ(image.endpoints.at(2), (std::array<std::uint32_t, 2>{0, 0}));
    for (const auto& [address, row] : image.addresses) EXPECT_EQ(row.class_id, 0U) << address.text();
    EXPECT_EQ(image.cidrs.size(), 4U);
    const Address world{.identity = kIdentityWorld};
    EXPECT_EQ(image.cidrs.at(cidr("0.0.0.0/0")), world);
    EXPECT_EQ(image.cidrs.at(cidr("::/0")), world);
    EXPECT_EQ(image.cidrs.at(cidr("10.244.0.0/16")), (Address{.identity = kIdentityWorld, .no_masquerade = true}));
    EXPECT_EQ(image.cidrs.at(cidr("10.244.0.0/24")),
              (Address{.identity = kIdentityUnknown, .no_masquerade = true, .pod_range = true}));
}

TEST(Compile, AddressesOfPodsAndNodes) {
    MemoryNumbers numbers;
    const auto image = compile(small_world(), numbers).value();
    const auto& web = image.addresses.at(ip("10.244.0.1"));
    EXPECT_EQ(web.endpoint, 1U);
    EXPECT_GE(web.identity, 256U);
    EXPECT_TRUE(web.no_masquerade && web.pod_range && !web.host);
    EXPECT_FALSE(image.addresses.at(ip("10.244.1.1")).pod_range);
    EXPECT_EQ(image.addresses.at(ip("192.0.2.10")),
              (Address{.identity = kIdentityHost, .host = true, .no_masquerade = true}));
    EXPECT_EQ(image.addresses.at(ip("192.0.2.11")), (Address{.identity = kIdentityRemoteNode, .no_masquerade = true}));
    const std::map<std::string, std::string> wanted = {
        {"k8s:app", "web"},
        {"k8s:io.kubernetes.pod.namespace", "red"},
        {"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name", "red"},
        {"k8s:io.cilium.k8s.namespace.labels.team", "r"}};
    EXPECT_EQ(image.identities.at(web.identity).text(), wanted);
    EXPECT_EQ(image.identities.at(kIdentityHost).text().count("reserved:host"), 1U);
}

TEST(Compile, DefaultDenyNamesThePoliciesThatIsolate) {
    World world = small_world();
    world.put(network_policy("red", "b-deny", R"({"podSelector":{}})"));
    world.put(network_policy(
        "red", "a-allow",
        R"({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"from":[{"podSelector":{}}],"ports":[{"port":5432}]}]})"));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    const auto open = ask(image, "10.244.0.1", "10.244.0.2", 5432);
    EXPECT_TRUE(open.allow);
    EXPECT_EQ(image.rules.at(open.ingress->rule),
              (RuleInfo{Direction::kIngress, false, {{"NetworkPolicy", "red", "a-allow"}}, 0, "spec.ingress[0]"}));
    const auto closed = ask(image, "10.244.1.1", "10.244.0.2", 5432);
    EXPECT_FALSE(closed.allow);
    EXPECT_FALSE(closed.egress.has_value()) << "its policies are another node's matter";
    EXPECT_TRUE(closed.ingress->by_default);
    EXPECT_EQ(
        image.rules.at(closed.ingress->rule),
        (RuleInfo{
            Direction::kIngress, true, {{"NetworkPolicy", "red", "a-allow"}, {"NetworkPolicy", "red", "b-deny"}}, -1}));
    EXPECT_EQ(image.rules.at(ask(image, "8.8.8.8", "10.244.0.1", 1).ingress->rule).policies,
              (std::vector<PolicyName>{{"NetworkPolicy", "red", "b-deny"}}));
    EXPECT_EQ(image.endpoints.at(1)[kOut], 0U) << "not isolated for egress";
}

TEST(Compile, RulesWithoutPortsOpenEveryProtocolAndRulesWithPortsOnlyThose) {
    World world = small_world();
    world.put(network_policy(
        "red", "p",
        R"({"podSelector":{"matchLabels":{"app":"web"}},"ingress":[{"from":[{"ipBlock":{"cidr":"8.8.8.0/24"}}]}]})"));
    world.put(network_policy(
        "red", "q", R"({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"ports":[{"protocol":"UDP"}]}]})"));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    for (const std::uint8_t protocol : std::initializer_list<std::uint8_t>{1, 6, 17, 58, 132, 255}) {
        EXPECT_TRUE(ask(image, "8.8.8.8", "10.244.0.1", 0, protocol).allow) << int{protocol};
        EXPECT_FALSE(ask(image, "8.8.9.8", "10.244.0.1", 0, protocol).allow) << int{protocol};
        EXPECT_EQ(ask(image, "8.8.8.8", "10.244.0.2", 9, protocol).allow, protocol == kUdp) << int{protocol};
    }
}

TEST(Compile, EndpointsWithEqualRulesShareATable) {
    World world = small_world();
    world.put(network_policy(
        "red", "p", R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}]})"));
    MemoryNumbers numbers;
    auto image = compile(world, numbers).value();
    EXPECT_EQ(image.policies.size(), 1U);
    EXPECT_EQ(image.endpoints.at(1), image.endpoints.at(2));
    EXPECT_NE(image.endpoints.at(1)[kIn], 0U);

    // A named port means another number on each of them: no longer equal.
    for (const auto& [name, port] : {std::pair("web", 8080), std::pair("db", 5432)}) {
        Pod changed = *world.pods.at(std::string("red/") + name);
        changed.ports = {{"main", kTcp, static_cast<std::uint16_t>(port)}};
        world.put(std::move(changed));
    }
    world.put(network_policy("red", "p", R"({"podSelector":{},"ingress":[{"ports":[{"port":"main"}]}]})"));
    image = compile(world, numbers).value();
    EXPECT_EQ(image.policies.size(), 2U);
    EXPECT_TRUE(ask(image, "8.8.8.8", "10.244.0.1", 8080).allow);
    EXPECT_FALSE(ask(image, "8.8.8.8", "10.244.0.1", 5432).allow);
    EXPECT_TRUE(ask(image, "8.8.8.8", "10.244.0.2", 5432).allow);
    EXPECT_FALSE(ask(image, "8.8.8.8", "10.244.0.2", 5432, kUdp).allow);
}

TEST(Compile, AChangedTableHasAnotherNumberAndAnUnchangedOneKeepsIts) {
    World world = small_world();
    world.put(network_policy("red", "web", R"({"podSelector":{"matchLabels":{"app":"web"}}})"));
    world.put(network_policy("red", "db",
                             R"({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"ports":[{"port":1}]}]})"));
    MemoryNumbers numbers;
    const auto before = compile(world, numbers).value();
    numbers.forget_unused();
    world.put(network_policy("red", "db",
                             R"({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"ports":[{"port":2}]}]})"));
    const auto after = compile(world, numbers).value();
    EXPECT_EQ(after.endpoints.at(1), before.endpoints.at(1));
    EXPECT_NE(after.endpoints.at(2)[kIn], before.endpoints.at(2)[kIn]);
    ASSERT_EQ(after.rules.size(), before.rules.size());
    for (const auto& [number, rule] : before.rules) {
        const auto now = after.rules.find(number);
        EXPECT_EQ(now != after.rules.end() && now->second == rule, rule.by_default)
            << "only the rule that says something else is another";
    }
}

TEST(Compile, LabelsThatNoPolicyReadsChangeNothingButTheIdentity) {
    World world = small_world();
    world.put(network_policy(
        "red", "p",
        R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}},"namespaceSelector":{}}]}]})"));
    world.put(
        network_policy("blue", "other",
                       R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{"matchLabels":{"version":"1"}}}]}]})"));
    MemoryNumbers numbers;
    const auto before = compile(world, numbers).value();
    numbers.forget_unused();
    world.put(pod("blue", "web", "10.244.1.1", {{"app", "web"}, {"version", "1"}}));
    auto after = compile(world, numbers).value();
    EXPECT_NE(after.addresses.at(ip("10.244.1.1")).identity, before.addresses.at(ip("10.244.1.1")).identity);
    after.addresses.at(ip("10.244.1.1")).identity = before.addresses.at(ip("10.244.1.1")).identity;
    after.identities = before.identities;
    EXPECT_EQ(after, before) << "policy 'other' selects no pod of this node: not in force";
}

TEST(Compile, PodsOfTheSameMeaningShareAClass) {
    World world = small_world();
    for (int i = 0; i < 50; ++i)
        world.put(pod("blue", "extra-" + std::to_string(i), "10.244.2." + std::to_string(i),
                      {{"app", i % 2 == 0 ? "web" : "x"}, {"hash", std::to_string(i)}}));
    world.put(network_policy(
        "red", "p",
        R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}},"namespaceSelector":{}}]}]})"));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    std::set<std::uint32_t> classes, identities;
    for (const auto& [address, row] : image.addresses) {
        classes.insert(row.class_id);
        identities.insert(row.identity);
    }
    EXPECT_EQ(classes.size(), 2U);
    EXPECT_GT(identities.size(), 50U);
    EXPECT_EQ(image.policies.at(image.endpoints.at(1)[kIn]).classes.size(), 1U);
}

TEST(Compile, NamedPortsOfEgressRulesAreTheReceivers) {
    World world = small_world();
    for (const auto& [key, port] : {std::pair("red/db", 5432), std::pair("blue/web", 80)}) {
        Pod changed = *world.pods.at(key);
        changed.ports = {{"main", kTcp, static_cast<std::uint16_t>(port)}};
        world.put(std::move(changed));
    }
    world.put(network_policy(
        "red", "p",
        R"({"podSelector":{"matchLabels":{"app":"web"}},"policyTypes":["Egress"],"egress":[{"ports":[{"port":"main"}]}]})"));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    EXPECT_TRUE(ask(image, "10.244.0.1", "10.244.0.2", 5432).allow);
    EXPECT_FALSE(ask(image, "10.244.0.1", "10.244.0.2", 80).allow);
    EXPECT_TRUE(ask(image, "10.244.0.1", "10.244.1.1", 80).allow);
    EXPECT_FALSE(ask(image, "10.244.0.1", "8.8.8.8", 80).allow) << "an address outside names no port";
}

TEST(Compile, HostNetworkAndFinishedPodsAreNobody) {
    World world = small_world();
    Pod host = pod("blue", "agent", "192.0.2.11", {{"app", "web"}});
    host.host_network = true;
    world.put(std::move(host));
    world.put(network_policy(
        "red", "p",
        R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}},"namespaceSelector":{}}]}]})"));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    EXPECT_EQ(image.addresses.at(ip("192.0.2.11")).identity, kIdentityRemoteNode);
    EXPECT_FALSE(ask(image, "192.0.2.11", "10.244.0.1", 80).allow);
}

TEST(Compile, AnAddressClaimedTwiceBelongsToTheLocalPod) {
    World world = small_world();
    world.put(pod("blue", "thief", "10.244.0.1", {{"app", "thief"}}));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    EXPECT_EQ(image.addresses.at(ip("10.244.0.1")).endpoint, 1U);
    world.put(pod("blue", "host", "192.0.2.10", {{"app", "thief"}}));
    EXPECT_TRUE(compile(world, numbers).value().addresses.at(ip("192.0.2.10")).host)
        << "the node's address is the node's";
}

TEST(Compile, LabelsThatCannotBeAreRefused) {
    World world = small_world();
    world.put(pod("red", "odd", "10.244.0.9", {{"app", "web,x=y"}}));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, ErrorCode::kInvalid);
    EXPECT_NE(image.error().message.find("red/odd"), std::string::npos);
}

TEST(Compile, ExhaustedNumbersAreAnError) {
    World world = small_world();
    world.put(network_policy("red", "p", R"({"podSelector":{},"ingress":[{},{},{}]})"));
    MemoryNumbers numbers({2, 10, 1000, 10});
    const auto image = compile(world, numbers);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, ErrorCode::kExhausted);
}

// "number place" of each rule of the image that is no default deny.
std::map<std::string, std::uint32_t> numbers_by_place(const World& world, Numbers& numbers) {
    std::map<std::string, std::uint32_t> out;
    const auto image = compile(world, numbers).value();
    for (const auto& [number, rule] : image.rules)
        if (!rule.by_default) out[rule.policies.at(0).name + " " + rule.place] = number;
    return out;
}

TEST(Compile, ARulesNumberStaysWithWhatItSays) {
    World world = small_world();
    const std::string web =
        R"({"from":[{"podSelector":{"matchLabels":{"app":"web"}}},{"ipBlock":{"cidr":"8.8.8.0/24"}}],"ports":[{"port":80},{"port":81}]})";
    const std::string same =
        R"({"ports":[{"port":81},{"port":80}],"from":[{"ipBlock":{"cidr":"8.8.8.0/24"}},{"podSelector":{"matchLabels":{"app":"web"}}}]})";
    const std::string other = R"({"ports":[{"port":443}]})";
    const auto put = [&](const std::string& rules) {
        world.put(network_policy("red", "p", R"({"podSelector":{},"ingress":[)" + rules + "]}"));
    };
    MemoryNumbers numbers;
    put(web);
    const auto number = numbers_by_place(world, numbers).at("p spec.ingress[0]");
    put(other + "," + same);
    auto now = numbers_by_place(world, numbers);
    EXPECT_EQ(now.at("p spec.ingress[1]"), number) << "at another place, in another order";
    EXPECT_NE(now.at("p spec.ingress[0]"), number);
    put(web + "," + web);
    now = numbers_by_place(world, numbers);
    EXPECT_EQ(now.at("p spec.ingress[0]"), number);
    EXPECT_NE(now.at("p spec.ingress[1]"), number) << "two that say the same are two";
    put(R"({"ports":[{"port":80}]})");
    EXPECT_NE(numbers_by_place(world, numbers).at("p spec.ingress[0]"), number) << "at the same place, but another";
    world.put(network_policy("red", "q", R"({"podSelector":{},"ingress":[)" + web + "]}"));
    EXPECT_NE(numbers_by_place(world, numbers).at("q spec.ingress[0]"), number) << "of another policy";
}

TEST(Explain, ExemptTrafficAndErrors) {
    World world = small_world();
    world.put(network_policy("red", "p", R"({"podSelector":{},"policyTypes":["Ingress","Egress"]})"));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    EXPECT_EQ(ask(image, "10.244.0.1", "10.244.0.1", 80).exemption, Exemption::kSamePod);
    EXPECT_TRUE(ask(image, "10.244.0.1", "10.244.0.1", 80).allow);
    EXPECT_EQ(ask(image, "192.0.2.10", "10.244.0.1", 80).exemption, Exemption::kHost);
    EXPECT_FALSE(explain(image, ip("192.0.2.10"), ip("10.244.0.1"), kTcp, 80, false).value().allow);
    const auto both = ask(image, "10.244.0.1", "10.244.0.2", 80);
    EXPECT_FALSE(both.egress->allow || both.ingress->allow || both.allow);
    EXPECT_EQ(both.egress->endpoint, 1U);
    EXPECT_EQ(both.ingress->endpoint, 2U);
    EXPECT_TRUE(ask(image, "8.8.8.8", "10.244.1.1", 80).allow) << "neither end is a pod of this node";
    EXPECT_FALSE(explain(image, ip("10.244.0.1"), ip("fd00::1"), kTcp, 80));
}

std::vector<std::string> warned(const World& world, const std::string& spec) {
    std::vector<std::string> out;
    for (const auto& warning : lint(network_policy("red", "p", spec), world)) out.push_back(warning.path);
    return out;
}

TEST(Lint, WhatStandsOut) {
    using Paths = std::vector<std::string>;
    const World world = small_world();
    EXPECT_EQ(warned(world, R"({"podSelector":{}})"), Paths{});
    EXPECT_EQ(warned(world, R"({"podSelector":{"matchLabels":{"app":"none"}}})"), Paths{"$.spec.podSelector"});
    EXPECT_EQ(warned(world, R"({"podSelector":{},"policyTypes":["Egress"]})"), Paths{"$.spec.egress"});
    EXPECT_EQ(
        warned(world,
               R"({"podSelector":{},"policyTypes":["Egress"],"egress":[{"ports":[{"protocol":"UDP","port":53}]}]})"),
        Paths{});
    EXPECT_EQ(
        warned(
            world,
            R"({"podSelector":{},"policyTypes":["Egress"],"egress":[{"ports":[{"protocol":"UDP","port":50,"endPort":60}]}]})"),
        Paths{});
    EXPECT_EQ(warned(world, R"({"podSelector":{},"policyTypes":["Egress"],"egress":[{"ports":[{"port":53}]}]})"),
              Paths{"$.spec.egress"})
        << "resolvers are asked by UDP";
    EXPECT_EQ(
        warned(world, R"({"podSelector":{},"policyTypes":["Egress"],"egress":[{"ports":[{"protocol":"SCTP"}]}]})"),
        Paths{"$.spec.egress"});
    EXPECT_EQ(warned(world, R"({"podSelector":{},"ingress":[{"ports":[{"port":"web"}]}]})"),
              Paths{"$.spec.ingress[0].ports[0].port"});
    EXPECT_EQ(
        warned(
            world,
            R"({"podSelector":{},"ingress":[{"ports":[{"port":1}]},{"from":[{"podSelector":{"matchLabels":{"a":"b"}}}]}]})"),
        Paths{"$.spec.ingress[1].from[0]"});
    EXPECT_EQ(warned(world, R"({"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}]})"),
              Paths{"$.spec.ingress[0].from[0].ipBlock.cidr"});
    EXPECT_EQ(
        warned(
            world,
            R"({"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.244.0.0/16"]}}]}]})"),
        Paths{});
    EXPECT_EQ(warned(world, R"({"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"8.8.8.8/32"}}]}]})"), Paths{});
}

}  // namespace
}  // namespace weft::policy::test
