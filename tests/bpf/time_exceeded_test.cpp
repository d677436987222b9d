// What the sender of a packet is told whose time to live ends at the node, and when it is told nothing.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

constexpr std::size_t kEthernet = 14, kQuoteMax = 128;
constexpr int kAtOnce = 50;  // answers of a CPU that has sent none for long; 1000 more every second

class TimeExceeded : public testing::TestWithParam<bool> {
  protected:
    struct Node {
        World world{"time-exceeded"};
        World::Pod a = world.add_pod(1), b = world.add_pod(2);
        std::uint32_t uplink = world.add_uplink();
    };
    static Node& node() {
        static Node shared;
        return shared;
    }
    void SetUp() override {
        stay_on_one_cpu();
        world.reset();
        std::this_thread::sleep_for(std::chrono::milliseconds(60));  // what the test before used is there again
    }
    static void stay_on_one_cpu() {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(0, &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    }

    World& world = node().world;
    const World::Pod &a = node().a, &b = node().b;
    const std::uint32_t uplink = node().uplink;

    bool v6() const { return GetParam(); }
    const std::string& address(const World::Pod& pod) const { return v6() ? pod.v6 : pod.v4; }
    std::string gateway() const { return v6() ? "fd00::fe" : "10.1.0.254"; }
    std::string host() const { return v6() ? "2001:db8::1" : "192.0.2.1"; }
    std::string outside() const { return v6() ? "2001:db8:ffff::7" : "198.51.100.7"; }
    PacketSpec last(const std::string& source, const std::string& destination, std::uint8_t protocol = kUdp) const {
        return {.source = source, .destination = destination, .protocol = protocol, .ttl = 1};
    }
    Out from_pod(const Bytes& frame) { return world.run(WEFT_PROG_FROM_POD, a.ifindex, frame); }
    Out from_netdev(const Bytes& frame) { return world.run(WEFT_PROG_FROM_NETDEV, uplink, frame); }

    // The whole frame that answers `frame`, byte for byte.
    Bytes expected(const Bytes& frame, const std::string& from, const std::string& to) const {
        PacketSpec error{.source = from, .destination = to, .protocol = v6() ? kIcmp6 : kIcmp};
        error.tos = 0xc0;
        error.fragment = v6() ? 0 : 0x4000;
        error.fragment_id = 0;
        error.body = {static_cast<std::uint8_t>(v6() ? 3 : 11), 0, 0, 0, 0, 0, 0, 0};
        const auto quote = std::min(frame.size() - kEthernet, kQuoteMax);
        error.body.insert(error.body.end(), frame.begin() + kEthernet,
                          frame.begin() + static_cast<std::ptrdiff_t>(kEthernet + quote));
        Bytes out = build(error);
        std::copy_n(frame.begin() + 6, 6, out.begin());
        std::copy_n(frame.begin(), 6, out.begin() + 6);
        return out;
    }
    void expect_answered(const Out& out, const Bytes& frame, const std::string& from, const std::string& to) const {
        EXPECT_EQ(out.verdict, kRedirect);
        EXPECT_EQ(out.frame, expected(frame, from, to));
        EXPECT_TRUE(parse(out.frame).checksums);
    }
    // Dropped and counted for its time to live, and nobody told.
    void expect_silent(const Bytes& frame, std::uint32_t hook) {
        const auto before = world.metric(WEFT_DROP_TTL_EXCEEDED, hook);
        EXPECT_EQ((hook == WEFT_HOOK_FROM_POD ? from_pod(frame) : from_netdev(frame)).verdict, kShot);
        EXPECT_EQ(world.metric(WEFT_DROP_TTL_EXCEEDED, hook), before + 1);
    }
};

INSTANTIATE_TEST_SUITE_P(Families, TimeExceeded, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(TimeExceeded, ThePodIsToldByItsGateway) {
    for (const std::string& to : {address(b), outside()})
        for (const std::uint8_t protocol : {kUdp, kTcp, kSctp, v6() ? kIcmp6 : kIcmp}) {
            PacketSpec spec = last(address(a), to, protocol);
            spec.tcp_flags = kSyn;
            if (protocol == kIcmp) spec.destination_port = 8 << 8;
            if (protocol == kIcmp6) spec.destination_port = 128 << 8;
            const Bytes frame = build(spec);
            expect_answered(from_pod(frame), frame, gateway(), address(a));
        }
}

TEST_P(TimeExceeded, ItIsADropThatMakesNoEntry) {
    ASSERT_EQ(from_pod(build(last(address(a), address(b)))).verdict, kRedirect);
    EXPECT_EQ(world.metric(WEFT_DROP_TTL_EXCEEDED, WEFT_HOOK_FROM_POD), 1U);
    EXPECT_EQ(world.metric(WEFT_FORWARDED, WEFT_HOOK_FROM_POD), 0U);
    EXPECT_EQ(world.entries(v6() ? WEFT_MAP_HALF6_TAGS : WEFT_MAP_HALF4_TAGS), 0U);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].header.type, WEFT_EVENT_DROP);
    EXPECT_EQ(events[0].reason, WEFT_DROP_TTL_EXCEEDED);
    EXPECT_EQ(events[0].direction, WEFT_EGRESS);
    EXPECT_EQ(events[0].source_identity, a.identity);
    EXPECT_EQ(events[0].destination_identity, b.identity);
}

TEST_P(TimeExceeded, APolicyComesFirst) {
    world.set_policies(a, world.add_policy({{0, World::deny_all(9)}}), 0);
    EXPECT_EQ(from_pod(build(last(address(a), address(b)))).verdict, kShot);
    EXPECT_EQ(world.metric(WEFT_DROP_POLICY_DENIED, WEFT_HOOK_FROM_POD), 1U);
    EXPECT_EQ(world.metric(WEFT_DROP_TTL_EXCEEDED, WEFT_HOOK_FROM_POD), 0U);
}

TEST_P(TimeExceeded, InAnEstablishedConnectionBothSidesAreTold) {
    PacketSpec question{.source = address(a), .destination = address(b)};
    question.tcp_flags = kSyn;
    ASSERT_EQ(from_pod(build(question)).verdict, kRedirect);
    PacketSpec back = answer(question);
    back.tcp_flags = kSyn | kAck;
    ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, b.ifindex, build(back)).verdict, kRedirect);
    question.tcp_flags = back.tcp_flags = kAck;
    question.ttl = back.ttl = 1;
    world.events();
    expect_answered(from_pod(build(question)), build(question), gateway(), address(a));
    expect_answered(world.run(WEFT_PROG_FROM_POD, b.ifindex, build(back)), build(back), gateway(), address(b));
    const auto events = world.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].source_identity, a.identity);
    EXPECT_EQ(events[1].source_identity, b.identity);
    EXPECT_EQ(events[1].destination_identity, a.identity);
    EXPECT_EQ(world.metric(WEFT_FORWARDED, WEFT_HOOK_FROM_POD), 2U);
    question.ttl = 2;
    EXPECT_EQ(from_pod(build(question)).verdict, kRedirect);
    EXPECT_EQ(world.metric(WEFT_FORWARDED, WEFT_HOOK_FROM_POD), 3U);
}

TEST_P(TimeExceeded, OutsideIsToldByTheNode) {
    const Bytes frame = build(last(outside(), address(a)));
    expect_answered(from_netdev(frame), frame, host(), outside());
    weft_control control = world.control();
    const weft_control with = control;
    control.masquerade4 = 0;
    control.masquerade6 = {};
    world.set_control(control);
    expect_answered(from_netdev(frame), frame, gateway(), outside());
    world.set_control(with);
}

TEST_P(TimeExceeded, AnAnswerToAMasqueradedPacketIsQuotedAsItsSenderKnowsIt) {
    const PacketSpec question{.source = address(a), .destination = outside(), .protocol = kUdp};
    PacketSpec back = question;
    back.source = host();
    back.source_port = parse(from_pod(build(question)).frame).source_port;
    back = answer(back);
    back.ttl = 1;
    const Bytes frame = build(back);
    expect_answered(from_netdev(frame), frame, host(), outside());
}

TEST_P(TimeExceeded, OfALongPacketTheHeadIsQuoted) {
    for (const std::size_t payload : {0U, 1U, 79U, 80U, 81U, 99U, 100U, 101U, 3000U}) {
        PacketSpec spec = last(address(a), address(b));
        spec.payload = std::string(payload, 'x');
        const Bytes frame = build(spec);
        expect_answered(from_pod(frame), frame, gateway(), address(a));
    }
}

TEST_P(TimeExceeded, WhatALinkAddedToTheEndIsNotQuoted) {
    const Bytes frame = build(last(address(a), address(b)));
    Bytes padded = frame;
    padded.resize(frame.size() + 14);
    EXPECT_EQ(from_pod(padded).frame, expected(frame, gateway(), address(a)));
}

TEST_P(TimeExceeded, ExtensionHeadersAreQuoted) {
    if (!v6()) return;
    PacketSpec spec = last(address(a), address(b));
    spec.extension_headers = 6;
    expect_answered(from_pod(build(spec)), build(spec), gateway(), address(a));
}

TEST_P(TimeExceeded, AFirstFragmentIsAnsweredALaterOneIsNot) {
    PacketSpec first = last(address(a), address(b));
    first.fragment = v6() ? 1 : 0x2000;
    first.payload = std::string(24, 'x');
    expect_answered(from_pod(build(first)), build(first), gateway(), address(a));
    PacketSpec later = first;
    later.fragment = v6() ? (4 << 3) : 4;
    later.body = Bytes(16, 0x55);
    expect_silent(build(later), WEFT_HOOK_FROM_POD);
}

TEST_P(TimeExceeded, AnErrorIsNotAnswered) {
    const Bytes asked = build({.source = address(b), .destination = address(a), .protocol = kUdp});
    ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, b.ifindex, asked).verdict, kRedirect);
    Bytes error = build_icmp_error(address(a), address(b), v6() ? 1 : 3, v6() ? 4 : 3, asked);
    error[v6() ? 21 : 22] = 1;
    expect_silent(error, WEFT_HOOK_FROM_POD);
}

TEST_P(TimeExceeded, WhatIsForManyIsNotAnswered) {
    if (!v6()) expect_silent(build(last(address(a), "239.1.2.3")), WEFT_HOOK_FROM_POD);  // IPv6: the stack's routing
    for (const std::uint8_t first : {std::uint8_t{0xff}, std::uint8_t{1}}) {  // an Ethernet broadcast, a multicast
        Bytes frame = build(last(address(a), address(b)));
        std::fill_n(frame.begin(), 6, first);
        expect_silent(frame, WEFT_HOOK_FROM_POD);
    }
}

TEST_P(TimeExceeded, ASourceThatIsNoHostsIsNotAnswered) {
    const std::vector<std::string> four{"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255"};
    const std::vector<std::string> six{"::", "::1", "fe80::1", "febf::1", "ff02::1"};
    for (const auto& source : v6() ? six : four) {
        SCOPED_TRACE(source);
        expect_silent(build(last(source, address(a))), WEFT_HOOK_FROM_NETDEV);
    }
}

TEST_P(TimeExceeded, WithoutAGatewayNothingIsSaid) {
    weft_control control = world.control();
    control.gateway4 = 0;
    control.gateway6 = {};
    world.set_control(control);
    expect_silent(build(last(address(a), address(b))), WEFT_HOOK_FROM_POD);
}

TEST_P(TimeExceeded, TheStacksOwnHopIsItsOwn) {
    EXPECT_EQ(from_pod(build(last(address(a), host()))).verdict, kPass);
    EXPECT_EQ(world.run(WEFT_PROG_TO_POD, a.ifindex, build(last(host(), address(a)))).verdict, kPass);
}

TEST_P(TimeExceeded, AnswersAreLimitedDropsAreAllCounted) {
    using Clock = std::chrono::steady_clock;
    constexpr int kPackets = 3000;
    const Bytes frame = build(last(address(a), address(b)));
    const auto begin = Clock::now();
    int answers = 0;
    for (int i = 0; i < kPackets; ++i) answers += from_pod(frame).verdict == kRedirect;
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
    EXPECT_GE(answers, kAtOnce);
    EXPECT_LE(answers, kAtOnce + passed + 20) << "a tick may be 10 ms long";
    EXPECT_EQ(world.metric(WEFT_DROP_TTL_EXCEEDED, WEFT_HOOK_FROM_POD), static_cast<std::uint64_t>(kPackets));
}

}  // namespace
}  // namespace weft::test
