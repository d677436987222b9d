// Policies by DNS names from their objects to packets: compiled, put into the maps, asked by the loaded programs.
#include <gtest/gtest.h>

#include "daemon/maps/applier.hpp"
#include "policy/compile.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/bpf/dns_message.hpp"
#include "tests/bpf/world.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::test {
namespace {

constexpr const char* kNames = R"([{"toEndpoints":[{}]},{"toFQDNs":[{"matchName":"www.example.com"},
    {"matchPattern":"*.example.org"}],"toPorts":[{"ports":[{"port":"443","protocol":"TCP"}]}]}])";

policy::Policy policy_of(const std::string& kind, const std::string& name, const std::string& spec) {
    const bool cilium = kind.starts_with("Cilium");
    Json object{{"apiVersion", cilium ? "cilium.io/v2" : "policy.networking.k8s.io/v1alpha2"},
                {"kind", kind},
                {"metadata", {{"name", name}}},
                {"spec", policy::test::json(spec)}};
    if (cilium) object["metadata"]["namespace"] = "default";
    return std::get<policy::Policy>(policy::parse_object(JsonView(object)).value());
}

policy::Policy cilium(const std::string& name, const std::string& egress) {
    return policy_of("CiliumNetworkPolicy", name,
                     R"({"endpointSelector":{"matchLabels":{"app":"client"}},"egress":)" + egress + "}");
}

class DnsPolicy : public testing::TestWithParam<bool> {
  protected:
    const bool v6 = GetParam();
    World world{"dns-policy"};
    World::Pod client = world.add_pod(1), resolver = world.add_pod(2);
    std::uint32_t uplink = world.add_uplink();
    maps::Applier applier = maps::Applier::open(world.pins()).value();
    policy::MemoryNumbers numbers;
    policy::Compiler compiler{numbers};
    policy::World objects;
    const std::string address = v6 ? "2001:db8:1::7" : "198.51.100.7", other = v6 ? "2001:db8:1::8" : "198.51.100.8";

    DnsPolicy() {
        for (const auto& [pod, name] : {std::pair(&client, "client"), std::pair(&resolver, "resolver")}) {
            auto object = policy::test::pod("default", name, pod->v4, {{"app", name}}, pod->number);
            object.addresses.push_back(policy::test::ip(pod->v6));
            objects.put(std::move(object));
        }
    }
    void put(policy::Policy object) {
        changes.policies.insert(object.name);
        objects.put(std::move(object));
    }
    Result<maps::ApplyReport> apply() {
        changes.everything = compiler.image().endpoints.empty();
        WEFT_CHECK(compiler.update(objects, changes));
        changes = {};
        return enforce(applier, &compiler.delta());
    }
    Result<maps::ApplyReport> enforce(maps::Applier& by, const policy::ImageDelta* delta = nullptr) {
        std::vector<maps::LocalEndpoint> endpoints;
        for (const auto& pod : {client, resolver})
            endpoints.push_back(
                {pod.number, pod.ifindex, pod.identity, {0x0a, 0, 0, 0, 0, static_cast<std::uint8_t>(pod.number)}});
        maps::NodeSettings settings;
        settings.uplink_ifindex = uplink;
        return by.apply(compiler.image(), endpoints, settings, delta);
    }
    const std::string& of(const World::Pod& pod) const { return v6 ? pod.v6 : pod.v4; }
    void resolve(const std::string& name, const std::vector<std::string>& addresses) {
        const DnsMessage question{.name = dns_name(name), .type = v6 ? kTypeAaaa : kTypeA};
        PacketSpec spec{.source = of(client), .destination = of(resolver), .protocol = kUdp};
        spec.destination_port = 53;
        spec.payload = question.bytes();
        ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, client.ifindex, build(spec)).verdict, kRedirect);
        PacketSpec back = answer(spec);
        back.payload = dns_answer(question, addresses).bytes();
        ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, resolver.ifindex, build(back)).verdict, kRedirect);
    }
    bool opens(const std::string& to, std::uint16_t port = 443) {
        PacketSpec spec{.source = of(client), .destination = to, .source_port = ++source_port};
        spec.destination_port = port;
        spec.tcp_flags = kSyn;
        return world.run(WEFT_PROG_FROM_POD, client.ifindex, build(spec)).verdict != kShot;
    }
    std::size_t rows() const { return applier.state().name_rows.size(); }

    policy::WorldChanges changes;
    std::uint16_t source_port = 1024;
};

INSTANTIATE_TEST_SUITE_P(Families, DnsPolicy, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(DnsPolicy, NamesOpenWhatTheyAreAnsweredWith) {
    put(cilium("names", kNames));
    ASSERT_TRUE(apply());
    EXPECT_FALSE(opens(address));
    resolve("www.example.com", {address});
    resolve("a.b.example.org", {other});
    EXPECT_TRUE(opens(address));
    EXPECT_FALSE(opens(address, 80));
    EXPECT_FALSE(opens(other)) << "'*' is for one label";
    resolve("a.example.org", {other});
    EXPECT_TRUE(opens(other));
    EXPECT_EQ(world.events().back().rule[WEFT_EGRESS] != 0, true);
}

TEST_P(DnsPolicy, ARestartWritesNothing) {
    put(cilium("names", kNames));
    ASSERT_TRUE(apply());
    ASSERT_TRUE(applier.collect());
    auto again = maps::Applier::open(world.pins()).value();
    const auto report = enforce(again);
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(report->writes, 0U);
}

TEST_P(DnsPolicy, AnotherPolicysNamesChangeNothingForThoseThatAreKnown) {
    put(cilium("names", kNames));
    ASSERT_TRUE(apply());
    resolve("www.example.com", {address});
    EXPECT_TRUE(opens(address));
    put(cilium("more", R"([{"toFQDNs":[{"matchPattern":"*.example.com"}],"toPorts":[{"ports":[{"port":"80"}]}]}])"));
    const auto report = apply();
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->flipped);
    EXPECT_TRUE(opens(address));
    EXPECT_TRUE(opens(address, 80)) << "the name is known";
    ASSERT_TRUE(applier.collect());
    EXPECT_TRUE(opens(address));
    EXPECT_TRUE(opens(address, 80));
}

TEST_P(DnsPolicy, WithoutTheRuleItsAddressesAreClosedAndNothingIsLeft) {
    put(cilium("names", kNames));
    ASSERT_TRUE(apply());
    resolve("www.example.com", {address});
    ASSERT_TRUE(opens(address));
    put(cilium("names", R"([{"toEndpoints":[{}]}])"));
    ASSERT_TRUE(apply());
    EXPECT_FALSE(opens(address));
    ASSERT_TRUE(applier.collect());
    EXPECT_EQ(rows(), 0U);
    EXPECT_EQ(applier.state().automata[applier.state().automaton_in_force()].serial, 0U);
    const auto queries = world.dns_count(WEFT_DNS_QUERIES);
    resolve("www.example.com", {address});
    EXPECT_EQ(world.dns_count(WEFT_DNS_QUERIES), queries);
}

TEST_P(DnsPolicy, DenyAndTiersStandBeforeAndBehind) {
    put(cilium("names", kNames));
    put(policy_of("ClusterNetworkPolicy", "guard",
                  R"({"tier":"Admin","priority":10,"subject":{"namespaces":{}},"egress":[
        {"action":"Accept","to":[{"domainNames":["*.admin.example"]}]},
        {"action":"Pass","to":[{"networks":["198.51.100.0/25","2001:db8:1::/49"]}]},
        {"action":"Accept","to":[{"domainNames":["*.late.example"]}]},
        {"action":"Deny","to":[{"networks":["198.51.100.128/25","2001:db8:1:8000::/49"]}]}]})"));
    ASSERT_TRUE(apply());
    const std::string denied = v6 ? "2001:db8:1:8000::1" : "198.51.100.200";
    resolve("www.example.com", {address, denied});
    EXPECT_TRUE(opens(address)) << "passed on to the NetworkPolicy tier";
    EXPECT_FALSE(opens(denied)) << "denied before the names of the NetworkPolicy tier";
    resolve("x.late.example", {other, denied});
    EXPECT_FALSE(opens(other)) << "the Pass stands before, and no policy of the tier below allows it";
    EXPECT_TRUE(opens(denied)) << "but the Deny behind";
    resolve("x.admin.example", {other});
    EXPECT_TRUE(opens(other)) << "before the Pass";
    EXPECT_TRUE(opens(other, 80)) << "with every port";
}

TEST_P(DnsPolicy, WhatDoesNotFitIsRefusedAndTheOldStaysInForce) {
    put(cilium("names", kNames));
    ASSERT_TRUE(apply());
    resolve("www.example.com", {address});
    std::string names;
    for (int i = 0; i < 12; ++i)
        names += fmt::format(R"({}{{"matchPattern":"*{}*{}*{}.com"}})", i == 0 ? "" : ",", static_cast<char>('a' + i),
                             static_cast<char>('b' + i), static_cast<char>('c' + i));
    const auto small = std::move(objects.policies);
    objects.policies = small;
    put(cilium("many", R"([{"toFQDNs":[)" + names + "]}]"));
    const auto report = apply();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kExhausted);
    EXPECT_TRUE(opens(address));
    objects.policies = small;
    ASSERT_TRUE(apply());
    EXPECT_TRUE(opens(address));
}

}  // namespace
}  // namespace weft::test
