// Where packets go and how they are rewritten: host, outside, masquerading, ICMP errors, fragments, extension headers.
#include <gtest/gtest.h>

#include <set>

#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

class Actions : public testing::TestWithParam<bool> {
  protected:
    // One for the whole suite.
    struct Node {
        World world{"actions"};
        World::Pod a = world.add_pod(1), b = world.add_pod(2);
        std::uint32_t uplink = world.add_uplink();
    };
    static Node& node() {
        static Node shared;
        return shared;
    }
    void SetUp() override { world.reset(); }

    World& world = node().world;
    const World::Pod &a = node().a, &b = node().b;
    const std::uint32_t uplink = node().uplink;

    bool v6() const { return GetParam(); }
    const std::string& address(const World::Pod& pod) const { return v6() ? pod.v6 : pod.v4; }
    std::string host() const { return v6() ? "2001:db8::1" : "192.0.2.1"; }
    std::string outside() const { return v6() ? "2001:db8:ffff::7" : "198.51.100.7"; }
    PacketSpec to(const std::string& destination, std::uint8_t protocol = kUdp) const {
        return {.source = address(a), .destination = destination, .protocol = protocol, .destination_port = 53};
    }
    Out from_pod(const World::Pod& pod, const PacketSpec& spec) {
        return world.run(WEFT_PROG_FROM_POD, pod.ifindex, build(spec));
    }
    Out from_netdev(const PacketSpec& spec) { return world.run(WEFT_PROG_FROM_NETDEV, uplink, build(spec)); }
    Out to_pod(const World::Pod& pod, const PacketSpec& spec) {
        return world.run(WEFT_PROG_TO_POD, pod.ifindex, build(spec));
    }
};

INSTANTIATE_TEST_SUITE_P(Families, Actions, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

// The actions of all half-open entries.
template <typename Slot>
std::set<int> actions_in(World& world, const char* name) {
    auto slots = datapath::Map<std::uint32_t, Slot>::open(world.pins(), name);
    std::set<int> out;
    if (!slots) return out;
    const auto read = slots->for_each([&](std::uint32_t, const Slot& slot) {
        if (slot.generation != 0) out.insert(slot.action);
    });
    EXPECT_TRUE(read);
    return out;
}

TEST_P(Actions, EveryActionIsTakenByAPacket) {
    ASSERT_EQ(from_pod(a, to(address(b))).verdict, kRedirect);
    ASSERT_EQ(from_pod(a, to(host())).verdict, kPass);
    ASSERT_EQ(from_pod(a, to(outside())).verdict, kRedirect);
    std::set<int> every;
    for (int action = WEFT_ACTION_NONE + 1; action < WEFT_ACTION_COUNT; ++action) every.insert(action);
    EXPECT_EQ(v6() ? actions_in<weft_flow6>(world, WEFT_MAP_HALF6) : actions_in<weft_flow4>(world, WEFT_MAP_HALF4),
              every);
}

TEST_P(Actions, PodToHostGoesToTheStackAndTheAnswerIsLetIn) {
    world.set_policies(a, 0, world.add_policy({{0, World::deny_all(9)}}));
    const PacketSpec question = to(host());
    const Out out = from_pod(a, question);
    EXPECT_EQ(out.verdict, kPass);
    EXPECT_EQ(parse(out.frame).ttl, 64) << "the stack is the hop";
    EXPECT_EQ(to_pod(a, answer(question)).verdict, kPass);
}

TEST_P(Actions, TheNodeReachesItsPodsWhateverTheirPolicySaysUnlessToldOtherwise) {
    world.set_policies(a, 0, world.add_policy({{0, World::deny_all(9)}}));
    PacketSpec probe = answer(to(host()));
    EXPECT_EQ(to_pod(a, probe).verdict, kPass);
    weft_control control = world.control();
    control.flags = 0;
    world.set_control(control);
    world.raise_generation();
    EXPECT_EQ(to_pod(a, probe).verdict, kShot);
}

TEST_P(Actions, PodToOutsideIsMasqueradedAndTheAnswerFindsItsWayBack) {
    for (const std::uint8_t protocol : {kUdp, kTcp, v6() ? kIcmp6 : kIcmp}) {
        PacketSpec question = to(outside(), protocol);
        if (protocol == kTcp) question.tcp_flags = kSyn;
        if (protocol == kIcmp) question.destination_port = 8 << 8;
        if (protocol == kIcmp6) question.destination_port = 128 << 8;
        const Out out = from_pod(a, question);
        ASSERT_EQ(out.verdict, kRedirect) << int{protocol};
        const Parsed sent = parse(out.frame);
        EXPECT_EQ(sent.source, host());
        EXPECT_EQ(sent.destination, outside());
        EXPECT_GE(sent.source_port, 10240);
        EXPECT_LE(sent.source_port, 29999);
        EXPECT_TRUE(sent.checksums) << int{protocol};
        PacketSpec back = question;
        back.source = host();
        back.source_port = sent.source_port;
        back = answer(back);
        if (protocol == kTcp) back.tcp_flags = kSyn | kAck;
        const Out returned = from_netdev(back);
        ASSERT_EQ(returned.verdict, kRedirect) << int{protocol};
        const Parsed received = parse(returned.frame);
        EXPECT_EQ(received.destination, address(a));
        EXPECT_EQ(received.source, outside());
        if (protocol == kUdp || protocol == kTcp)
            EXPECT_EQ(received.destination_port, 40000);
        else
            EXPECT_EQ(received.source_port, 40000) << "the echo's id";
        EXPECT_TRUE(received.checksums) << int{protocol};
        EXPECT_EQ(received.mac_destination, "0a:00:00:00:00:01");
    }
    const auto events = world.events();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_TRUE(events[0].flags & WEFT_EVENT_SNAT);
}

// Every packet of an established connection, small or a GSO packet's worth, and a UDP packet without a checksum.
TEST_P(Actions, MasqueradedConnectionIsTranslatedAllAlong) {
    for (const std::uint8_t protocol : {kUdp, kTcp}) {
        PacketSpec question = to(outside(), protocol);
        question.tcp_flags = kSyn;
        PacketSpec back = question;
        back.source = host();
        back.source_port = parse(from_pod(a, question).frame).source_port;
        back = answer(back);
        back.tcp_flags = kSyn | kAck;
        ASSERT_EQ(from_netdev(back).verdict, kRedirect);
        question.tcp_flags = back.tcp_flags = kAck;
        for (const std::size_t size : {0U, 1U, 1200U}) {
            question.payload = back.payload = std::string(size, static_cast<char>(0xa5));
            const Out out = from_pod(a, question), returned = from_netdev(back);
            ASSERT_EQ(out.verdict, kRedirect);
            ASSERT_EQ(returned.verdict, kRedirect);
            const Parsed sent = parse(out.frame), received = parse(returned.frame);
            EXPECT_EQ(sent.source, host());
            EXPECT_EQ(sent.source_port, back.destination_port);
            EXPECT_EQ(sent.destination_port, question.destination_port);
            EXPECT_TRUE(sent.checksums) << int{protocol} << " " << size;
            EXPECT_EQ(sent.ttl, 63);
            EXPECT_EQ(received.destination, address(a));
            EXPECT_EQ(received.destination_port, question.source_port);
            EXPECT_EQ(received.mac_destination, "0a:00:00:00:00:01");
            EXPECT_TRUE(received.checksums) << int{protocol} << " " << size;
            EXPECT_EQ(received.ttl, 63);
        }
    }
    EXPECT_EQ(world.events().size(), 2U) << "one for each connection";
}

TEST_P(Actions, TranslatedDatagramWithoutAChecksumKeepsNone) {
    if (v6()) return;  // RFC 8200 forbids it there
    const PacketSpec question = to(outside());
    PacketSpec back = question;
    back.source = host();
    back.source_port = parse(from_pod(a, question).frame).source_port;
    ASSERT_EQ(from_netdev(answer(back)).verdict, kRedirect);
    Bytes frame = build(question);
    frame[14 + 20 + 6] = frame[14 + 20 + 7] = 0;
    const Out out = from_pod(a, question), bare = world.run(WEFT_PROG_FROM_POD, a.ifindex, frame);
    ASSERT_EQ(bare.verdict, kRedirect);
    EXPECT_EQ(parse(bare.frame).source_port, back.source_port);
    EXPECT_EQ(bare.frame[14 + 20 + 6], 0);
    EXPECT_EQ(bare.frame[14 + 20 + 7], 0);
    EXPECT_NE(out.frame[14 + 20 + 6] | out.frame[14 + 20 + 7], 0);
}

TEST_P(Actions, TwoPodsWithTheSameSourcePortGetDifferentMasqueradePorts) {
    const std::uint16_t one = parse(from_pod(a, to(outside())).frame).source_port;
    PacketSpec other = to(outside());
    other.source = address(b);
    EXPECT_NE(parse(from_pod(b, other).frame).source_port, one);
}

TEST_P(Actions, MasqueradedConnectionKeepsItsPortOverAPolicyChange) {
    const PacketSpec question = to(outside());
    const std::uint16_t port = parse(from_pod(a, question).frame).source_port;
    PacketSpec back = question;
    back.source = host();
    back.source_port = port;
    ASSERT_EQ(from_netdev(answer(back)).verdict, kRedirect);
    world.raise_generation();
    EXPECT_EQ(parse(from_pod(a, question).frame).source_port, port);
    world.raise_generation();
    EXPECT_EQ(from_netdev(answer(back)).verdict, kRedirect);
}

TEST_P(Actions, NoMasqueradeWhereTheAddressSaysSo) {
    world.set_cidr(v6() ? "2001:db8:ffff::/48" : "198.51.100.0/24",
                   {.identity = WEFT_IDENTITY_WORLD, .class_id = 1, .endpoint = 0, .flags = WEFT_ADDR_NO_MASQUERADE});
    const Out out = from_pod(a, to(outside()));
    EXPECT_EQ(out.verdict, kRedirect);
    EXPECT_EQ(parse(out.frame).source, address(a));
}

TEST_P(Actions, OutsideReachesAPodByTheUplink) {
    const PacketSpec question = {.source = outside(), .destination = address(a), .tcp_flags = kSyn};
    EXPECT_EQ(from_netdev(question).verdict, kRedirect);
    PacketSpec back = answer(question);
    back.tcp_flags = kSyn | kAck;
    const Out out = from_pod(a, back);
    EXPECT_EQ(out.verdict, kRedirect);
    EXPECT_EQ(parse(out.frame).source, address(a)) << "an answer is not masqueraded";
}

TEST_P(Actions, TheHostsOwnTrafficPassesTheUplinkUntouchedAndUntold) {
    EXPECT_EQ(from_netdev({.source = outside(), .destination = host()}).verdict, kPass);
    EXPECT_TRUE(world.events().empty());
}

TEST_P(Actions, ErrorAboutAPodsPacketGoesBackToIt) {
    const PacketSpec question = to(address(b));
    const Bytes asked = build(question);
    ASSERT_EQ(from_pod(a, question).verdict, kRedirect);
    const Bytes error = build_icmp_error(address(b), address(a), v6() ? 1 : 3, v6() ? 4 : 3, asked);
    const Out out = world.run(WEFT_PROG_FROM_POD, b.ifindex, error);
    EXPECT_EQ(out.verdict, kRedirect);
    EXPECT_EQ(parse(out.frame).mac_destination, "0a:00:00:00:00:01");
    EXPECT_TRUE(parse(out.frame).checksums);
}

// Where the source address of the packet inside an error stands in the frame.
std::string inner_source(const Bytes& frame, bool v6) {
    Bytes inner = frame;
    inner.erase(inner.begin() + 14, inner.begin() + (v6 ? 14 + 40 + 8 : 14 + 20 + 8));
    return parse(inner).source;
}

TEST_P(Actions, ErrorFromARouterAboutAMasqueradedPacketIsTranslatedInsideToo) {
    const PacketSpec question = to(outside());
    const Bytes sent = from_pod(a, question).frame;
    const std::string router = v6() ? "2001:db8:eeee::1" : "203.0.113.1";
    const Bytes error = build_icmp_error(router, host(), v6() ? 3 : 11, 0, sent);
    const Out out = world.run(WEFT_PROG_FROM_NETDEV, uplink, error);
    ASSERT_EQ(out.verdict, kRedirect);
    const Parsed received = parse(out.frame);
    EXPECT_EQ(received.source, router);
    EXPECT_EQ(received.destination, address(a));
    EXPECT_TRUE(received.checksums);
    EXPECT_EQ(inner_source(out.frame, v6()), address(a));
}

TEST_P(Actions, LaterFragmentsFollowTheirFirst) {
    PacketSpec first = to(address(b));
    first.fragment = v6() ? 1 : 0x2000;
    first.payload = std::string(24, 'x');
    EXPECT_EQ(from_pod(a, first).verdict, kRedirect);
    PacketSpec later = first;
    later.fragment = v6() ? (4 << 3) : 4;
    later.body = Bytes(16, 0x55);
    const Out out = from_pod(a, later);
    EXPECT_EQ(out.verdict, kRedirect);
    later.fragment_id = 8;
    EXPECT_EQ(from_pod(a, later).verdict, kShot);
    EXPECT_EQ(world.metric(WEFT_DROP_FRAGMENT_UNKNOWN, WEFT_HOOK_FROM_POD), 1U);
}

TEST_P(Actions, ExtensionHeadersAreWalkedToABound) {
    if (!v6()) return;
    PacketSpec spec = to(address(b));
    spec.extension_headers = 6;
    EXPECT_EQ(from_pod(a, spec).verdict, kRedirect);
    spec.extension_headers = 7;
    EXPECT_EQ(from_pod(a, spec).verdict, kShot);
}

TEST_P(Actions, APodReachesItself) {
    world.set_policies(a, world.add_policy({{0, World::deny_all(9)}}), world.add_policy({{0, World::deny_all(9)}}));
    EXPECT_EQ(from_pod(a, to(address(a))).verdict, kRedirect);
}

}  // namespace
}  // namespace weft::test
