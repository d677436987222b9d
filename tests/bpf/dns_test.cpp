// Rules by DNS names, as the loaded programs do them: what an answer opens, to whom and for how long.
#include <arpa/inet.h>

#include <cstring>

#include "tests/bpf/dns_fixture.hpp"

namespace weft::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Families, Dns, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(Dns, AnAnswerOpensItsAddressesToThePodThatAskedAtOnce) {
    EXPECT_FALSE(opens(address)) << "and the denial is not remembered";
    resolve(a, "www.example.com", {address, other});
    EXPECT_TRUE(opens(address));
    EXPECT_TRUE(opens(other));
    EXPECT_EQ(connect(a, address, 80), kShot) << "another port";
    EXPECT_EQ(connect(b, address), kShot) << "another pod";
    EXPECT_EQ(world.rule(kByName).connections, 2U);
    EXPECT_EQ(world.dns_count(WEFT_DNS_QUERIES), 1U);
    EXPECT_EQ(world.dns_count(WEFT_DNS_ANSWERS), 1U);
    EXPECT_EQ(world.dns_count(WEFT_DNS_ADDRESSES), 2U);
}

TEST_P(Dns, OnlyNamesThatAPolicySpeaksOf) {
    resolve(a, "example.com", {address});
    EXPECT_FALSE(opens(address));
    EXPECT_EQ(world.dns_count(WEFT_DNS_ADDRESSES), 0U);
    resolve(a, "a.b.example.org", {address});  // of a class without a row
    EXPECT_FALSE(opens(address));
    put_row(2, kByName);
    EXPECT_TRUE(opens(address));
}

TEST_P(Dns, TheRuleOfTheLowestOrderDecides) {
    put_row(2, kByName + 1, 0);
    resolve(a, "www.example.com", {address});
    resolve(a, "x.example.org", {address});
    EXPECT_TRUE(opens(address));
    EXPECT_EQ(world.rule(kByName + 1).connections, 1U);
    EXPECT_EQ(world.rule(kByName).connections, 0U);
}

// The longest name that there is, in the question and again in the answer.

// Time passes by making every entry as old.

TEST_P(Dns, WhenItsTimeIsOverNothingNewIsOpenedAndWhatIsOpenGoesOn) {
    resolve(a, "www.example.com", {address});
    const PacketSpec first{
        .source = of(a), .destination = address, .source_port = 999, .destination_port = 443, .tcp_flags = kSyn};
    ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(first)).verdict, kRedirect);
    const auto addresses = map<std::uint32_t, weft_dns_address>(WEFT_MAP_DNS_ADDRESSES);
    std::vector<std::pair<std::uint32_t, weft_dns_address>> rows;
    ASSERT_TRUE(addresses.for_each([&](std::uint32_t index, weft_dns_address row) {
        if (row.names[0].expires == 0) return;
        row.names[0].expires = 1;
        rows.emplace_back(index, row);
    }));
    ASSERT_FALSE(rows.empty());
    for (const auto& [index, row] : rows) ASSERT_TRUE(addresses.update(index, row));
    EXPECT_FALSE(opens(address));
    PacketSpec next = first;
    next.tcp_flags = kAck;
    EXPECT_EQ(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(next)).verdict, kRedirect);
    world.raise_generation();
    EXPECT_EQ(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(next)).verdict, kRedirect) << "decided again";
    EXPECT_FALSE(opens(address));
    resolve(a, "www.example.com", {address});
    EXPECT_TRUE(opens(address));
}

// Through the uplink: masqueraded to another port, and back by from_netdev.

TEST_P(Dns, AResolverOutside) {
    world.set_policies(a, world.add_policy({{0, World::allow_all(1)}}), 0);
    const std::string far = v6 ? "2001:db8:53::1" : "198.51.100.53";
    PacketSpec spec = datagram(a);
    spec.destination = far;
    spec.payload = question().bytes();
    const auto sent = world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec));
    ASSERT_EQ(sent.verdict, kRedirect);
    const Parsed wire = parse(sent.frame);
    EXPECT_NE(wire.source, of(a));
    PacketSpec back = answer(spec);
    back.destination = wire.source;
    back.destination_port = wire.source_port;
    back.payload = dns_answer(question(), {address}).bytes();
    ASSERT_EQ(world.run(WEFT_PROG_FROM_NETDEV, node()->uplink, build(back)).verdict, kRedirect);
    world.set_policies(a, by_name(), 0);
    world.raise_generation();
    EXPECT_TRUE(opens(address));
}

// The host's own resolver: what its stack sends to the pod is seen at the last hook.

TEST_P(Dns, AResolverOfTheNode) {
    const std::string host = v6 ? "2001:db8::1" : "192.0.2.1";
    world.set_policies(a, world.add_policy({{1, by_name_rows()}, {0, World::allow_all(1)}}), 0);
    PacketSpec spec = datagram(a);
    spec.destination = host;
    spec.payload = question().bytes();
    ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec)).verdict, kPass);
    PacketSpec back = answer(spec);
    back.payload = dns_answer(question(), {address}).bytes();
    ASSERT_EQ(world.run(WEFT_PROG_TO_POD, a.ifindex, build(back)).verdict, kPass);
    EXPECT_TRUE(opens(address));
}

TEST_P(Dns, AnotherAutomatonIsAskedAboutTheNamesThatAreKnown) {
    resolve(a, "www.example.com", {address});
    EXPECT_TRUE(opens(address));
    put_automaton(world, 1, 2, {"x", "**.example.com"});
    weft_control control = world.control();
    control.epoch ^= 2;
    ++control.generation;
    world.set_control(control);
    EXPECT_FALSE(opens(address)) << "of another class now";
    put_row(2, kByName + 2);
    EXPECT_TRUE(opens(address));
    put_automaton(world, 1, 0, {});
    EXPECT_FALSE(opens(address)) << "no policy speaks of names";
    control.epoch ^= 2;
    world.set_control(control);
    EXPECT_TRUE(opens(address));
    EXPECT_EQ(world.rule(kByName).connections, 2U);
}

TEST_P(Dns, NamesAreForWhatIsOutside) {
    world.set_policies(
        a,
        world.add_policy(
            {{0, {{0, WEFT_PORT_NUMBER_MAX, kDenier, WEFT_ROW_DEFAULT_DENY | kList << WEFT_ROW_NAMES_SHIFT}}},
             {resolver.class_id, World::allow_all(1)}}),
        0);
    world.raise_generation();
    resolve(a, "www.example.com", {of(b), address});
    EXPECT_FALSE(opens(of(b)));
    EXPECT_TRUE(opens(address));
}

TEST_P(Dns, APodThatIsNotReadPaysNothingAndLearnsNothing) {
    world.read_dns(a, false);
    world.raise_generation();
    resolve(a, "www.example.com", {address});
    EXPECT_FALSE(opens(address));
    EXPECT_EQ(world.dns_count(WEFT_DNS_QUERIES), 0U);
}

TEST_P(Dns, EventsTellQuestionAndAnswer) {
    world.events();
    resolve(a, "www.Example.com", {address, other}, 5);
    world.events();
    const auto events = world.dns_events();
    ASSERT_EQ(events.size(), 2U);
    const auto& asked = events[0];
    const auto& said = events[1];
    EXPECT_EQ(asked.flow.header.type, WEFT_EVENT_DNS);
    EXPECT_EQ(asked.flow.header.length, sizeof asked);
    EXPECT_EQ(asked.flow.flags & WEFT_EVENT_REPLY, 0);
    EXPECT_EQ(asked.flow.source_endpoint, a.number);
    EXPECT_EQ(asked.flow.destination_port, htons(53));
    EXPECT_EQ(said.flow.flags & WEFT_EVENT_REPLY, WEFT_EVENT_REPLY);
    EXPECT_EQ(said.flow.source_endpoint, resolver.number);
    EXPECT_EQ(said.flow.destination_endpoint, a.number);
    for (const auto& event : events) {
        EXPECT_EQ(event.type, htons(v6 ? kTypeAaaa : kTypeA));
        EXPECT_EQ(std::string(reinterpret_cast<const char*>(event.name), event.name_length),
                  dns_name("www.example.com"));
    }
    EXPECT_EQ(said.addresses, 2);
    EXPECT_EQ(said.ttl, 5U);
    EXPECT_EQ(said.class_id, 1U);
    EXPECT_GT(said.latency_ns, 0U);
    weft_ip expected{};
    std::memcpy(expected.b, IpAddr::parse(other)->bytes().data(), 16);
    EXPECT_EQ(std::memcmp(&said.address[1], &expected, 16), 0);
}

TEST_P(Dns, APodThatFloodsLosesItsOwn) {
    resolve(b, "www.example.com", {address});
    put_automaton(world, 0, 3, {"www.example.com", "**.example.org", "**.flood"});
    put_row(3, kByName);
    std::vector<std::string> addresses(60);
    std::uint32_t number = 0;
    for (int i = 0; i < 1500; ++i) {
        for (auto& one : addresses) {
            ++number;
            one = v6 ? fmt::format("2001:db8:f::{:x}:{:x}", number >> 16, number & 0xffff)
                     : fmt::format("11.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
        }
        resolve(a, fmt::format("n{}.flood", i), addresses);
    }
    world.events();
    EXPECT_EQ(connect(b, address), kRedirect);
    EXPECT_EQ(connect(a, addresses[0]), kRedirect) << "the newest has its place";
}

}  // namespace
}  // namespace weft::test
