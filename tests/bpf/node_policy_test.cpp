// Policies of the node itself: its own traffic by the uplink and with its pods, and none that it only forwards.
#include <gtest/gtest.h>

#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

constexpr std::uint16_t kSsh = 22;
constexpr std::uint32_t kAllow = 5, kDeny = 9;

class NodePolicy : public testing::TestWithParam<bool> {
  protected:
    // One for the whole suite.
    struct Node {
        World world{"node-policy"};
        World::Pod a = world.add_pod(1);
        std::uint32_t uplink = world.add_uplink();
    };
    static Node& shared() {
        static Node node;
        return node;
    }
    void SetUp() override { world.reset(); }

    World& world = shared().world;
    const World::Pod& a = shared().a;
    const World::Pod node = World::node();

    bool v6() const { return GetParam(); }
    const std::string& address(const World::Pod& of) const { return v6() ? of.v6 : of.v4; }
    std::string outside() const { return v6() ? "2001:db8:ffff::7" : "198.51.100.7"; }
    const char* half() const { return v6() ? WEFT_MAP_HALF6_TAGS : WEFT_MAP_HALF4_TAGS; }
    const char* established() const { return v6() ? WEFT_MAP_FLOW6_TAGS : WEFT_MAP_FLOW4_TAGS; }

    PacketSpec packet(const std::string& from, const std::string& to, std::uint8_t flags = kSyn,
                      std::uint16_t port = kSsh) const {
        return {.source = from, .destination = to, .destination_port = port, .tcp_flags = flags};
    }
    static PacketSpec answer_with(const PacketSpec& spec, std::uint8_t flags) {
        PacketSpec out = answer(spec);
        out.tcp_flags = flags;
        return out;
    }
    int arrives(const PacketSpec& spec) {
        return world.run(WEFT_PROG_FROM_NETDEV, shared().uplink, build(spec)).verdict;
    }
    int leaves(const PacketSpec& spec) { return world.run(WEFT_PROG_TO_NETDEV, shared().uplink, build(spec)).verdict; }
    int from_pod(const PacketSpec& spec) { return world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec)).verdict; }
    int to_pod(const PacketSpec& spec) { return world.run(WEFT_PROG_TO_POD, a.ifindex, build(spec)).verdict; }

    std::uint32_t only_ssh() { return world.add_policy({{0, World::allow_port(kTcp, kSsh, kAllow, kDeny)}}); }
    std::uint32_t nothing() { return world.add_policy({{0, World::deny_all(kDeny)}}); }
};

INSTANTIATE_TEST_SUITE_P(Families, NodePolicy, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(NodePolicy, WithoutAnyTheNodesTrafficIsNotLookedAt) {
    EXPECT_EQ(arrives(packet(outside(), address(node))), kPass);
    EXPECT_EQ(leaves(packet(address(node), outside())), kPass);
    EXPECT_EQ(world.entries(half()), 0U);
    EXPECT_EQ(world.metric(WEFT_FORWARDED, WEFT_HOOK_TO_NETDEV), 0U);
    EXPECT_TRUE(world.events().empty());
}

TEST_P(NodePolicy, WhatArrivesIsAskedAboutAndItsAnswersPass) {
    world.set_policies(node, nothing(), only_ssh());
    const auto syn = packet(outside(), address(node));
    EXPECT_EQ(arrives(syn), kPass);
    EXPECT_EQ(leaves(answer_with(syn, kSyn | kAck)), kPass);
    EXPECT_EQ(arrives(packet(outside(), address(node), kAck)), kPass);
    EXPECT_EQ(world.entries(established()), 2U);
    EXPECT_EQ(arrives(packet(outside(), address(node), kSyn, 23)), kShot);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].header.type, WEFT_EVENT_NEW);
    EXPECT_EQ(events[0].direction, WEFT_INGRESS);
    EXPECT_EQ(events[0].rule[WEFT_INGRESS], kAllow);
    EXPECT_EQ(events[1].header.type, WEFT_EVENT_DROP);
    EXPECT_EQ(events[1].direction, WEFT_INGRESS);
    EXPECT_EQ(events[1].reason, WEFT_DROP_POLICY_DENIED);
    EXPECT_EQ(events[1].rule[WEFT_INGRESS], kDeny);
    EXPECT_EQ(events[1].destination_identity, std::uint32_t{WEFT_IDENTITY_HOST});
    EXPECT_EQ(world.rule(kAllow).connections, 1U);
}

TEST_P(NodePolicy, WhatTheNodeOpensIsAskedAboutAndItsAnswersPass) {
    world.set_policies(node, only_ssh(), nothing());
    const auto syn = packet(address(node), outside());
    EXPECT_EQ(arrives(answer_with(syn, kAck)), kShot) << "an answer to nothing";
    EXPECT_EQ(leaves(syn), kPass);
    EXPECT_EQ(arrives(answer_with(syn, kSyn | kAck)), kPass);
    EXPECT_EQ(leaves(packet(address(node), outside(), kAck)), kPass);
    EXPECT_EQ(leaves(packet(address(node), outside(), kSyn, 23)), kShot);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(events[1].header.type, WEFT_EVENT_NEW);
    EXPECT_EQ(events[1].direction, WEFT_EGRESS);
    EXPECT_EQ(events[1].rule[WEFT_EGRESS], kAllow);
    EXPECT_EQ(events[2].direction, WEFT_EGRESS);
    EXPECT_EQ(events[2].source_identity, std::uint32_t{WEFT_IDENTITY_HOST});
}

// With policies of one direction alone, the connections of the other one are known too: their answers belong to them.
TEST_P(NodePolicy, OneDirectionAloneDoesNotStopTheOthersAnswers) {
    world.set_policies(node, nothing(), 0);
    const auto in = packet(outside(), address(node));
    EXPECT_EQ(arrives(in), kPass);
    EXPECT_EQ(leaves(answer_with(in, kSyn | kAck)), kPass);
    EXPECT_EQ(world.events().at(0).direction, WEFT_INGRESS);
    world.reset();
    world.set_policies(node, 0, nothing());
    const auto out = packet(address(node), outside());
    EXPECT_EQ(leaves(out), kPass);
    EXPECT_EQ(arrives(answer_with(out, kSyn | kAck)), kPass);
    EXPECT_EQ(world.events().at(0).direction, WEFT_EGRESS);
}

TEST_P(NodePolicy, WhatPodsSayToTheNodeIsAskedAboutToo) {
    world.set_policies(node, 0, only_ssh());
    EXPECT_EQ(from_pod(packet(address(a), address(node))), kPass);
    EXPECT_EQ(from_pod(packet(address(a), address(node), kSyn, 23)), kShot);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[1].direction, WEFT_INGRESS);
    EXPECT_EQ(events[1].rule[WEFT_INGRESS], kDeny);
    EXPECT_EQ(events[1].source_identity, a.identity);
}

// The exemption is of the pods' policies: what the node may say is the node's.
TEST_P(NodePolicy, WhatTheNodeSaysToPodsIsAskedAboutWhateverIsExempt) {
    auto control = world.control();
    control.flags |= WEFT_CONTROL_ALLOW_HOST;
    world.set_control(control);
    world.set_policies(a, 0, nothing());
    world.set_policies(node, only_ssh(), 0);
    EXPECT_EQ(to_pod(packet(address(node), address(a))), kPass) << "the pod's ingress is not asked";
    EXPECT_EQ(to_pod(packet(address(node), address(a), kSyn, 23)), kShot);
    EXPECT_EQ(world.events().back().direction, WEFT_EGRESS);
}

TEST_P(NodePolicy, WhatIsForwardedIsNotAskedAbout) {
    world.set_policies(node, nothing(), nothing());
    const auto in = packet(outside(), address(a));
    EXPECT_EQ(arrives(in), kRedirect);
    EXPECT_EQ(from_pod(answer_with(in, kSyn | kAck)), kRedirect);
    const Out sent = world.run(WEFT_PROG_FROM_POD, a.ifindex, build(packet(address(a), outside(), kSyn, 443)));
    EXPECT_EQ(sent.verdict, kRedirect);
    const auto masqueraded = parse(sent.frame);
    PacketSpec back = packet(outside(), address(node), kSyn | kAck, masqueraded.source_port);
    back.source_port = 443;
    EXPECT_EQ(arrives(back), kRedirect) << "the answer to a masqueraded pod";
    EXPECT_EQ(leaves(packet("203.0.113.9", "203.0.113.10")), kPass) << "neither end is the node";
}

TEST_P(NodePolicy, EstablishedConnectionsFollowAChangeAtTheirNextPacket) {
    world.set_policies(node, 0, only_ssh());
    const auto syn = packet(outside(), address(node)), data = packet(outside(), address(node), kAck);
    const auto back = answer_with(syn, kAck);
    ASSERT_EQ(arrives(syn), kPass);
    ASSERT_EQ(leaves(answer_with(syn, kSyn | kAck)), kPass);
    ASSERT_EQ(arrives(data), kPass);
    world.set_policies(node, 0, nothing());
    world.raise_generation();
    EXPECT_EQ(leaves(back), kShot);
    EXPECT_EQ(arrives(data), kShot);
    world.set_policies(node, 0, only_ssh());
    world.raise_generation();
    EXPECT_EQ(arrives(data), kPass);
    EXPECT_EQ(leaves(back), kPass);
    world.set_policies(node, 0, 0);
    world.raise_generation();
    EXPECT_EQ(arrives(data), kPass) << "and one that is known when the policies go";
    EXPECT_EQ(leaves(back), kPass);
}

TEST_P(NodePolicy, InAuditModeItPassesAndIsTold) {
    world.set_policies(node, 0, 0, nothing(), nothing());
    EXPECT_EQ(arrives(packet(outside(), address(node))), kPass);
    EXPECT_EQ(leaves(packet(address(node), outside(), kSyn, 443)), kPass);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 2U);
    for (const auto& event : events) {
        EXPECT_EQ(event.header.type, WEFT_EVENT_NEW);
        EXPECT_EQ(event.audit_reason, WEFT_DROP_POLICY_DENIED);
    }
    EXPECT_EQ(events[0].audit_rule[WEFT_INGRESS], kDeny);
    EXPECT_EQ(events[1].audit_rule[WEFT_EGRESS], kDeny);
}

TEST_P(NodePolicy, ErrorsAndNeighboursAreNeverAskedAbout) {
    world.set_policies(node, nothing(), nothing());
    const auto about = build(packet(address(node), outside()));
    const auto error = build_icmp_error(outside(), address(node), v6() ? 1 : 3, v6() ? 4 : 3, about);
    EXPECT_EQ(world.run(WEFT_PROG_FROM_NETDEV, shared().uplink, error).verdict, kPass);
    const auto other = build(packet(outside(), address(node)));
    const auto own = build_icmp_error(address(node), outside(), v6() ? 1 : 3, v6() ? 4 : 3, other);
    EXPECT_EQ(world.run(WEFT_PROG_TO_NETDEV, shared().uplink, own).verdict, kPass);
    if (!v6()) return;
    const auto neighbour = [&](const std::string& from, const std::string& to, int type) {
        PacketSpec out = packet(from, to, 0, static_cast<std::uint16_t>(type << 8));
        out.protocol = kIcmp6;
        return out;
    };
    EXPECT_EQ(arrives(neighbour(outside(), address(node), 135)), kPass);
    EXPECT_EQ(leaves(neighbour(address(node), outside(), 136)), kPass);
}

TEST_P(NodePolicy, FragmentsAndTheLastHopOfAPacketReachTheNode) {
    world.set_policies(node, 0, world.add_policy({{0, World::allow_all(kAllow)}}));
    PacketSpec last = packet(outside(), address(node));
    last.ttl = 1;
    EXPECT_EQ(arrives(last), kPass);
    PacketSpec first = packet(outside(), address(node));
    first.protocol = kUdp;
    first.fragment = v6() ? 1 : 0x2000;
    PacketSpec later = first;
    later.fragment = v6() ? 8 : 1;
    EXPECT_EQ(arrives(first), kPass);
    EXPECT_EQ(arrives(later), kPass);
}

// Whoever says to be the node would have its exemption.
TEST_P(NodePolicy, NobodyOutsideHasTheNodesAddress) {
    auto control = world.control();
    control.flags |= WEFT_CONTROL_ALLOW_HOST;
    world.set_control(control);
    world.set_policies(a, 0, nothing());
    EXPECT_EQ(arrives(packet(address(node), address(a))), kShot);
    EXPECT_EQ(world.metric(WEFT_DROP_INVALID_SOURCE_IP, WEFT_HOOK_FROM_NETDEV), 1U);
}

}  // namespace
}  // namespace weft::test
