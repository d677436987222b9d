// The flow table's life: first packets, answers, established traffic, policy changes, closing.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

class Datapath : public testing::TestWithParam<bool> {
  protected:
    // One for the whole suite.
    struct Node {
        World world{"datapath"};
        World::Pod a = world.add_pod(1), b = world.add_pod(2), c = world.add_pod(3);
    };
    static Node& node() {
        static Node shared;
        return shared;
    }
    void SetUp() override { world.reset(); }

    World& world = node().world;
    const World::Pod &a = node().a, &b = node().b, &c = node().c;

    bool v6() const { return GetParam(); }
    const char* main_tags() const { return v6() ? WEFT_MAP_FLOW6_TAGS : WEFT_MAP_FLOW4_TAGS; }
    const char* half_tags() const { return v6() ? WEFT_MAP_HALF6_TAGS : WEFT_MAP_HALF4_TAGS; }
    const std::string& address(const World::Pod& pod) const { return v6() ? pod.v6 : pod.v4; }
    PacketSpec packet(std::uint8_t flags = kAck) const {
        return {.source = address(a), .destination = address(b), .tcp_flags = flags};
    }
    Out from(const World::Pod& pod, const PacketSpec& spec) {
        return world.run(WEFT_PROG_FROM_POD, pod.ifindex, build(spec));
    }
    PacketSpec answer_with(std::uint8_t flags) const {
        PacketSpec spec = answer(packet());
        spec.tcp_flags = flags;
        return spec;
    }
    // Other tests' entries, which stay in the slots without a tag.
    void clear_main() {
        const auto four = datapath::Map<std::uint32_t, weft_flow4>::open(world.pins(), WEFT_MAP_FLOW4).value();
        const auto six = datapath::Map<std::uint32_t, weft_flow6>::open(world.pins(), WEFT_MAP_FLOW6).value();
        for (std::uint32_t i = 0; i < World::small().flows4; ++i) ASSERT_TRUE(four.update(i, {}) && six.update(i, {}));
    }
    void establish() {
        ASSERT_EQ(from(a, packet(kSyn)).verdict, kRedirect);
        ASSERT_EQ(from(b, answer_with(kSyn | kAck)).verdict, kRedirect);
        ASSERT_EQ(from(a, packet()).verdict, kRedirect);
    }
};

INSTANTIATE_TEST_SUITE_P(Families, Datapath, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(Datapath, FirstPacketEntersBothDirectionsAsHalfOpenAndTells) {
    const Out out = from(a, packet(kSyn));
    EXPECT_EQ(out.verdict, kRedirect);
    const Parsed sent = parse(out.frame);
    EXPECT_EQ(sent.mac_destination, "0a:00:00:00:00:02");
    EXPECT_EQ(sent.mac_source, "02:77:65:66:74:01");
    EXPECT_EQ(sent.ttl, 63);
    EXPECT_TRUE(sent.checksums);
    EXPECT_EQ(world.entries(half_tags()), 2U);
    EXPECT_EQ(world.entries(main_tags()), 0U);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].header.type, WEFT_EVENT_NEW);
    EXPECT_EQ(events[0].source_identity, a.identity);
    EXPECT_EQ(events[0].destination_identity, b.identity);
    EXPECT_EQ(events[0].tcp_flags, kSyn);
    EXPECT_EQ(world.metric(WEFT_FORWARDED, WEFT_HOOK_FROM_POD), 1U);
}

TEST_P(Datapath, AnswerMovesBothEntriesToTheMainTable) {
    establish();
    EXPECT_EQ(world.entries(half_tags()), 0U);
    EXPECT_EQ(world.entries(main_tags()), 2U);
    const Out out = from(b, answer_with(kAck));
    EXPECT_EQ(out.verdict, kRedirect);
    EXPECT_EQ(parse(out.frame).mac_destination, "0a:00:00:00:00:01");
    EXPECT_TRUE(parse(out.frame).checksums);
    EXPECT_EQ(world.events().size(), 1U) << "only the first packet is told";
}

TEST_P(Datapath, AnswersPassWhateverTheServersEgressPolicySays) {
    world.set_policies(b, world.add_policy({{0, World::deny_all(9)}}), 0);
    establish();
}

TEST_P(Datapath, IngressPolicyDecidesByPortAndNamesTheRule) {
    world.set_policies(b, 0,
                       world.add_policy({{0, World::deny_all(9)}, {a.class_id, World::allow_port(kTcp, 80, 5, 9)}}));
    EXPECT_EQ(from(a, packet(kSyn)).verdict, kRedirect);
    PacketSpec other = packet(kSyn);
    other.destination_port = 81;
    EXPECT_EQ(from(a, other).verdict, kShot);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].rule[WEFT_INGRESS], 5U);
    EXPECT_EQ(events[1].header.type, WEFT_EVENT_DROP);
    EXPECT_EQ(events[1].reason, WEFT_DROP_POLICY_DENIED);
    EXPECT_EQ(events[1].rule[WEFT_INGRESS], 9U);
    EXPECT_EQ(events[1].direction, WEFT_INGRESS);
    EXPECT_EQ(world.rule(5).connections, 1U);
    EXPECT_EQ(world.rule(9).packets, 1U);
    EXPECT_EQ(world.entries(half_tags()), 2U) << "a dropped packet makes no entry";
}

// The way between two pods is remembered, what the policies say about another port is not taken from it.
TEST_P(Datapath, KnownPairIsAskedAboutEachPort) {
    world.set_policies(b, 0,
                       world.add_policy({{0, World::deny_all(9)}, {a.class_id, World::allow_port(kTcp, 80, 5, 9)}}));
    PacketSpec allowed = packet(kSyn), other_port = packet(kSyn), other_protocol = packet(kSyn);
    other_port.destination_port = 81;
    other_protocol.protocol = kUdp;
    for (int round = 0; round < 3; ++round) {
        for (auto* spec : {&allowed, &other_port, &other_protocol}) spec->source_port++;
        EXPECT_EQ(from(a, allowed).verdict, kRedirect) << round;
        EXPECT_EQ(from(a, other_port).verdict, kShot) << round;
        EXPECT_EQ(from(a, other_protocol).verdict, kShot) << round;
    }
    for (const auto& event : world.events())
        EXPECT_EQ(event.rule[WEFT_INGRESS], event.header.type == WEFT_EVENT_NEW ? 5U : 9U);
    world.set_policies(b, 0, world.add_policy({{0, World::deny_all(9)}}));
    world.raise_generation();
    allowed.source_port++;
    EXPECT_EQ(from(a, allowed).verdict, kShot);
}

TEST_P(Datapath, PolicyChangeReachesAnEstablishedConnectionAtItsNextPacketInBothDirections) {
    establish();
    world.set_policies(b, 0, world.add_policy({{0, World::deny_all(9)}}));
    EXPECT_EQ(from(a, packet()).verdict, kRedirect) << "before the generation is raised nothing changes";
    world.raise_generation();
    EXPECT_EQ(from(a, packet()).verdict, kShot);
    EXPECT_EQ(from(b, answer_with(kAck)).verdict, kShot);
    world.set_policies(b, 0, world.add_policy({{0, World::allow_all(4)}}));
    world.raise_generation();
    EXPECT_EQ(from(a, packet()).verdict, kRedirect);
    EXPECT_EQ(from(b, answer_with(kAck)).verdict, kRedirect);
    bool changed = false;
    for (const auto& event : world.events())
        changed |= event.header.type == WEFT_EVENT_CHANGED && event.rule[WEFT_INGRESS] == 4;
    EXPECT_TRUE(changed);
}

// Its old entries say another device; its policy would deny its answers if they were taken for new connections.
TEST_P(Datapath, AnswersOfAServerThatWasMadeAgainAreAnswers) {
    establish();
    world.set_device(b, c.ifindex);
    world.set_policies(b, world.add_policy({{0, World::deny_all(9)}}), 0);
    world.raise_generation();
    EXPECT_EQ(from(a, packet()).verdict, kRedirect);
    EXPECT_EQ(from(c, answer_with(kAck)).verdict, kRedirect);
    EXPECT_EQ(from(b, answer_with(kAck)).verdict, kShot) << "the device that had the address before";
}

TEST_P(Datapath, AClientThatWasMadeAgainOpensItsOwnConnection) {
    establish();
    world.set_device(a, c.ifindex);
    world.raise_generation();
    EXPECT_EQ(from(a, packet(kSyn)).verdict, kShot) << "the device that had the address before";
    EXPECT_EQ(world.entries(main_tags()), 2U) << "and it changes nothing";
    EXPECT_EQ(from(c, packet(kSyn)).verdict, kRedirect);
    EXPECT_EQ(world.entries(main_tags()), 0U);
    EXPECT_EQ(world.entries(half_tags()), 2U);
    EXPECT_EQ(from(b, answer_with(kSyn | kAck)).verdict, kRedirect);
    EXPECT_EQ(from(c, packet()).verdict, kRedirect);
    EXPECT_EQ(world.entries(main_tags()), 2U);
}

TEST_P(Datapath, DropsOfOneKindGiveOneEventAndExactCounts) {
    world.set_policies(a, world.add_policy({{0, World::deny_all(9)}}), 0);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(from(a, packet(kSyn)).verdict, kShot);
    EXPECT_EQ(world.events().size(), 1U);
    EXPECT_EQ(world.metric(WEFT_DROP_POLICY_DENIED, WEFT_HOOK_FROM_POD), 100U);
    EXPECT_EQ(world.rule(9).packets, 100U);
    world.set_policies(a, 0, 0);
    world.raise_generation();
    EXPECT_EQ(from(a, packet(kSyn)).verdict, kRedirect) << "a remembered denial is of its generation only";
}

TEST_P(Datapath, FloodOfOpeningPacketsCannotEvictTheEstablished) {
    establish();
    for (std::uint16_t port = 1000; port < 21000; ++port) {
        PacketSpec syn = packet(kSyn);
        syn.source_port = port;
        ASSERT_EQ(from(a, syn).verdict, kRedirect);
    }
    EXPECT_EQ(world.entries(main_tags()), 2U);
    EXPECT_LE(world.entries(half_tags()), 1024U);
    world.events();
    EXPECT_EQ(from(b, answer_with(kAck)).verdict, kRedirect);
    EXPECT_TRUE(world.events().empty());
}

// Makes the slot that is meant look as if another CPU were writing it, or ends that.
template <typename Slot>
void set_busy(const World& world, const char* map_name, bool busy, const std::function<bool(const Slot&)>& is_meant) {
    const auto map = datapath::Map<std::uint32_t, Slot>::open(world.pins(), map_name).value();
    std::map<std::uint32_t, Slot> meant;
    EXPECT_TRUE(map.for_each([&](std::uint32_t index, const Slot& slot) {
        if (is_meant(slot)) meant[index] = slot;
    }));
    EXPECT_EQ(meant.size(), 1U);
    for (auto& [index, slot] : meant) {
        slot.sequence = busy ? 1 : 2;
        EXPECT_TRUE(map.update(index, slot));
    }
}

TEST_P(Datapath, WithoutPlaceForBothEntriesNoneIsInTheMainTable) {
    // The opening direction's: the second to be moved. Its place is where it was the first time.
    const auto hold = [&](bool busy) {
        const auto port = htons(40000);
        if (v6())
            set_busy<weft_flow6>(world, WEFT_MAP_FLOW6, busy,
                                 [&](const weft_flow6& slot) { return slot.key.source_port == port; });
        else
            set_busy<weft_flow4>(world, WEFT_MAP_FLOW4, busy,
                                 [&](const weft_flow4& slot) { return slot.key.source_port == port; });
    };
    clear_main();
    establish();
    world.reset();
    hold(true);
    establish();
    EXPECT_EQ(world.entries(main_tags()), 0U);
    EXPECT_EQ(world.entries(half_tags()), 2U);
    hold(false);
    ASSERT_EQ(from(b, answer_with(kAck)).verdict, kRedirect);
    EXPECT_EQ(world.entries(main_tags()), 2U);
    EXPECT_EQ(world.entries(half_tags()), 0U);
}

TEST_P(Datapath, ConnectionClosesByFinInBothDirectionsAndASynOpensItAgain) {
    establish();
    EXPECT_EQ(from(a, packet(kFin | kAck)).verdict, kRedirect);
    EXPECT_EQ(from(b, answer_with(kFin | kAck)).verdict, kRedirect);
    EXPECT_EQ(from(a, packet(kAck)).verdict, kRedirect);
    world.events();
    EXPECT_EQ(from(a, packet(kSyn)).verdict, kRedirect);
    EXPECT_EQ(world.entries(main_tags()), 0U);
    EXPECT_EQ(world.entries(half_tags()), 2U);
    ASSERT_EQ(world.events().size(), 1U);
}

TEST_P(Datapath, AgeingEndsIdleConnectionsAndTellsTheirCounts) {
    establish();
    EXPECT_EQ(datapath::age_flows(world.pins()).value().aged, 0U);
    weft_control control = world.control();
    control.timeout_tcp = 0;
    world.set_control(control);
    world.events();
    usleep(100000);
    EXPECT_EQ(datapath::age_flows(world.pins()).value().aged, 2U);
    EXPECT_EQ(world.entries(main_tags()), 0U);
    std::uint64_t packets = 0;
    for (const auto& event : world.events()) {
        EXPECT_EQ(event.header.type, WEFT_EVENT_CLOSE);
        EXPECT_TRUE(event.flags & WEFT_EVENT_AGED);
        packets += event.packets;
    }
    EXPECT_EQ(packets, 3U);
}

TEST_P(Datapath, RuleCountersAreExactAfterTheFlowsEnded) {
    world.set_policies(b, 0, world.add_policy({{0, World::allow_all(6)}}));
    establish();
    for (int i = 0; i < 10; ++i) from(a, packet());
    weft_control control = world.control();
    control.timeout_tcp = 0;
    world.set_control(control);
    usleep(100000);
    ASSERT_TRUE(datapath::age_flows(world.pins()));
    EXPECT_EQ(world.rule(6).packets, 13U);
    EXPECT_EQ(world.rule(6).connections, 1U);
}

TEST_P(Datapath, AnotherPodCannotUseAConnection) {
    establish();
    EXPECT_EQ(from(c, packet()).verdict, kShot);
    const auto events = world.events();
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events.back().reason, WEFT_DROP_INVALID_SOURCE_IP);
}

TEST_P(Datapath, UdpSctpIcmpAndOtherProtocolsAreConnectionsToo) {
    for (const std::uint8_t protocol : {kUdp, kSctp, v6() ? kIcmp6 : kIcmp, std::uint8_t{47}}) {
        PacketSpec spec = packet();
        spec.protocol = protocol;
        if (protocol == kIcmp) spec.destination_port = 8 << 8;
        if (protocol == kIcmp6) spec.destination_port = 128 << 8;
        if (protocol == 47) spec.body = {0, 0, 8, 0, 1, 2, 3, 4};
        EXPECT_EQ(from(a, spec).verdict, kRedirect) << int{protocol};
        EXPECT_EQ(from(b, answer(spec)).verdict, kRedirect) << int{protocol};
        EXPECT_EQ(from(a, spec).verdict, kRedirect) << int{protocol};
    }
    EXPECT_EQ(world.entries(main_tags()), 8U);
    EXPECT_EQ(world.events().size(), 4U);
}

}  // namespace
}  // namespace weft::test
