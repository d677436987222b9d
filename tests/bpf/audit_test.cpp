// Policies in audit mode and policies without events, as the loaded programs do them.
#include <gtest/gtest.h>

#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

constexpr std::uint32_t kEnforced = 5, kDenier = 20, kAllower = 21;

class Audit : public testing::TestWithParam<bool> {
  protected:
    struct Node {
        World world{"audit"};
        World::Pod a = world.add_pod(1), b = world.add_pod(2);
    };
    static Node& node() {
        static Node shared;
        return shared;
    }
    void SetUp() override { world.reset(); }

    World& world = node().world;
    const World::Pod &a = node().a, &b = node().b;

    const std::string& address(const World::Pod& pod) const { return GetParam() ? pod.v6 : pod.v4; }
    PacketSpec packet(std::uint8_t flags = kAck) const {
        return {.source = address(a), .destination = address(b), .tcp_flags = flags};
    }
    Out from(const World::Pod& pod, const PacketSpec& spec) {
        return world.run(WEFT_PROG_FROM_POD, pod.ifindex, build(spec));
    }
    void establish() {
        PacketSpec back = answer(packet());
        back.tcp_flags = kSyn | kAck;
        ASSERT_EQ(from(a, packet(kSyn)).verdict, kRedirect);
        ASSERT_EQ(from(b, back).verdict, kRedirect);
        ASSERT_EQ(from(a, packet()).verdict, kRedirect);
    }
    void end_all() {
        weft_control control = world.control();
        control.timeout_tcp = 0;
        world.set_control(control);
        usleep(100000);
        ASSERT_TRUE(datapath::age_flows(world.pins()));
    }
    static World::Rows marked(World::Rows rows, std::uint32_t flags) {
        for (auto& row : rows) row.verdict |= flags;
        return rows;
    }
    std::uint32_t policy(const World::Rows& rows) { return world.add_policy({{0, rows}}); }
    std::uint32_t audit_denies() { return policy(marked(World::deny_all(kDenier), WEFT_ROW_AUDIT)); }
};

INSTANTIATE_TEST_SUITE_P(Families, Audit, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(Audit, WhatWouldBeDeniedIsForwardedToldAndCounted) {
    world.set_policies(b, 0, policy(World::allow_all(kEnforced)), 0, audit_denies());
    establish();
    end_all();
    const auto events = world.events();
    ASSERT_EQ(events.size(), 3U);
    for (const auto& event : events) {
        EXPECT_TRUE(event.flags & WEFT_EVENT_AUDITED);
        EXPECT_EQ(event.reason, WEFT_FORWARDED);
        EXPECT_EQ(event.rule[WEFT_INGRESS], kEnforced);
        EXPECT_EQ(event.audit_reason, WEFT_DROP_POLICY_DENIED);
        EXPECT_EQ(event.audit_direction, WEFT_INGRESS);
        EXPECT_EQ(event.audit_rule[WEFT_INGRESS], kDenier);
    }
    EXPECT_EQ(world.rule(kDenier).connections, 1U);
    EXPECT_EQ(world.rule(kDenier).packets, 3U);
    EXPECT_EQ(world.rule(kEnforced).packets, 3U);
}

// The second connection between two pods takes much from the first: not what policies in audit mode say.
TEST_P(Audit, EveryConnectionIsAsked) {
    world.set_policies(a, policy(World::allow_all(kEnforced)), 0, audit_denies(), 0);
    for (std::uint16_t port = 1; port <= 3; ++port) {
        PacketSpec syn = packet(kSyn);
        syn.source_port = port;
        EXPECT_EQ(from(a, syn).verdict, kRedirect);
    }
    for (const auto& event : world.events()) EXPECT_EQ(event.audit_rule[WEFT_EGRESS], kDenier);
    EXPECT_EQ(world.rule(kDenier).connections, 3U);
}

TEST_P(Audit, ARuleThatIsEnforcedCountsOnceThoughItDecidesBoth) {
    const auto rows = World::allow_all(kEnforced);
    world.set_policies(b, 0, policy(rows), 0, policy(rows));
    establish();
    const auto events = world.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(events[0].flags & WEFT_EVENT_AUDITED);
    EXPECT_EQ(events[0].audit_reason, WEFT_FORWARDED);
    EXPECT_EQ(events[0].audit_rule[WEFT_INGRESS], kEnforced);
    end_all();
    EXPECT_EQ(world.rule(kEnforced).packets, 3U);
    EXPECT_EQ(world.rule(kEnforced).connections, 1U);
}

TEST_P(Audit, WhatWouldBeAllowedByARuleInAuditModeCountsForIt) {
    world.set_policies(b, 0, policy(World::allow_all(kEnforced)), 0,
                       policy(marked(World::allow_all(kAllower), WEFT_ROW_AUDIT)));
    establish();
    EXPECT_EQ(world.events().at(0).audit_rule[WEFT_INGRESS], kAllower);
    end_all();
    EXPECT_EQ(world.rule(kAllower).packets, 3U);
}

TEST_P(Audit, WhatIsDroppedIsNotAsked) {
    world.set_policies(b, 0, policy(World::deny_all(kEnforced)), 0, audit_denies());
    EXPECT_EQ(from(a, packet(kSyn)).verdict, kShot);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].flags & WEFT_EVENT_AUDITED, 0);
    EXPECT_EQ(world.rule(kDenier).connections, 0U);
    EXPECT_EQ(world.rule(kDenier).packets, 0U);
}

TEST_P(Audit, AChangeOfWhatItSaysReachesAnEstablishedConnectionAtItsNextPacket) {
    world.set_policies(b, 0, policy(World::allow_all(kEnforced)));
    establish();
    EXPECT_EQ(world.events().at(0).flags & WEFT_EVENT_AUDITED, 0);
    world.set_policies(b, 0, policy(World::allow_all(kEnforced)), 0, audit_denies());
    world.raise_generation();
    EXPECT_EQ(from(a, packet()).verdict, kRedirect);
    auto events = world.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].header.type, WEFT_EVENT_CHANGED);
    EXPECT_EQ(events[0].audit_rule[WEFT_INGRESS], kDenier);
    EXPECT_EQ(world.rule(kEnforced).packets, 3U) << "what both directions had counted before";
    world.set_policies(b, 0, policy(World::allow_all(kEnforced)));
    world.raise_generation();
    EXPECT_EQ(from(a, packet()).verdict, kRedirect);
    events = world.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].flags & WEFT_EVENT_AUDITED, 0);
    EXPECT_EQ(world.rule(kDenier).packets, 1U);
    end_all();
    EXPECT_EQ(world.rule(kDenier).packets, 1U);
    EXPECT_EQ(world.rule(kEnforced).packets, 5U);
}

TEST_P(Audit, WithoutEventsWhatARuleAllowsIsCountedAll) {
    world.set_policies(b, 0, policy(marked(World::allow_all(kEnforced), WEFT_ROW_UNLOGGED)));
    establish();
    end_all();
    EXPECT_TRUE(world.events().empty());
    EXPECT_EQ(world.rule(kEnforced).packets, 3U);
    EXPECT_EQ(world.rule(kEnforced).connections, 1U);
}

TEST_P(Audit, EventsAreLeftOutOnlyIfEveryRuleWantsNone) {
    world.set_policies(b, 0, policy(marked(World::allow_all(kEnforced), WEFT_ROW_UNLOGGED)));
    world.set_policies(a, policy(World::allow_all(6)), 0);
    EXPECT_EQ(from(a, packet(kSyn)).verdict, kRedirect);
    EXPECT_EQ(world.events().size(), 1U) << "the sender's policy wants events";
    PacketSpec again = packet(kSyn);
    again.source_port++;
    EXPECT_EQ(from(a, again).verdict, kRedirect);
    EXPECT_EQ(world.events().size(), 1U) << "a remembered decision says the same";
}

TEST_P(Audit, ADenialInAuditModeIsToldWhateverRulesWantNoEvents) {
    world.set_policies(b, 0, policy(marked(World::allow_all(kEnforced), WEFT_ROW_UNLOGGED)), 0, audit_denies());
    EXPECT_EQ(from(a, packet(kSyn)).verdict, kRedirect);
    EXPECT_EQ(world.events().size(), 1U);
}

}  // namespace
}  // namespace weft::test
