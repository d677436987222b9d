// ICMP's types as policies see them, and what belongs to a connection of ICMP.
#include <gtest/gtest.h>

#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

class IcmpTypes : public testing::TestWithParam<bool> {
  protected:
    struct Node {
        World world{"icmp-types"};
        World::Pod a = world.add_pod(1), b = world.add_pod(2);
    };
    static Node& node() {
        static Node shared;
        return shared;
    }
    void SetUp() override { world.reset(); }

    World& world = node().world;
    const World::Pod &a = node().a, &b = node().b;

    bool v6() const { return GetParam(); }
    std::uint8_t protocol() const { return v6() ? kIcmp6 : kIcmp; }
    std::uint8_t request() const { return v6() ? 128 : 8; }
    std::uint8_t reply() const { return v6() ? 129 : 0; }
    // Another query and its answer.
    std::uint8_t other() const { return v6() ? 160 : 13; }
    const std::string& address(const World::Pod& pod) const { return v6() ? pod.v6 : pod.v4; }
    PacketSpec message(const World::Pod& to, std::uint8_t type, std::uint16_t id = 77) const {
        return {.source = address(&to == &b ? a : b),
                .destination = address(to),
                .protocol = protocol(),
                .source_port = id,
                .destination_port = static_cast<std::uint16_t>(type << 8)};
    }
    int from(const World::Pod& pod, std::uint8_t type, std::uint16_t id = 77) {
        return world.run(WEFT_PROG_FROM_POD, pod.ifindex, build(message(&pod == &a ? b : a, type, id))).verdict;
    }
    std::uint32_t only(std::uint8_t type, std::uint32_t rule = 5) {
        return world.add_policy({{0, World::allow_port(protocol(), type, rule, 9)}});
    }
};

INSTANTIATE_TEST_SUITE_P(Families, IcmpTypes, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(IcmpTypes, ARuleForOneTypeOpensThatOneAndItsReplies) {
    world.set_policies(b, only(other()), only(request()));
    EXPECT_EQ(from(a, request()), kRedirect);
    EXPECT_EQ(from(b, reply()), kRedirect) << "an answer, whatever the server's egress policy says";
    EXPECT_EQ(from(a, other()), kShot) << "another type";
    EXPECT_EQ(from(a, reply(), 78), kShot) << "an answer to nothing";
    EXPECT_EQ(from(b, reply(), 78), kShot);
    const auto events = world.events();
    ASSERT_EQ(events.size(), 4U);
    EXPECT_EQ(events[0].rule[WEFT_INGRESS], 5U);
    EXPECT_EQ(events[1].reason, WEFT_DROP_POLICY_DENIED);
    EXPECT_EQ(world.rule(5).connections, 1U);
}

TEST_P(IcmpTypes, ADenialIsRememberedForItsTypeOnly) {
    world.set_policies(b, 0, only(request()));
    EXPECT_EQ(from(a, other()), kShot);
    EXPECT_EQ(from(a, request()), kRedirect);
    EXPECT_EQ(from(a, other()), kShot);
}

TEST_P(IcmpTypes, AnotherTypeIsAnotherConnection) {
    world.set_policies(b, only(v6() ? 144 : 15), only(other()));
    EXPECT_EQ(from(a, other()), kRedirect);
    EXPECT_EQ(from(b, static_cast<std::uint8_t>(other() + 1)), kRedirect) << "its answer";
    EXPECT_EQ(from(a, v6() ? 144 : 15), kShot);
    EXPECT_EQ(from(a, request()), kShot);
}

TEST_P(IcmpTypes, AnAnswerToNothingOpensNoDoorForRequests) {
    world.set_policies(a, 0, world.add_policy({{0, World::deny_all(9)}}));
    EXPECT_EQ(from(a, reply()), kRedirect) << "no policy forbids it";
    EXPECT_EQ(from(b, request()), kShot) << "and it is nobody's answer";
    EXPECT_EQ(from(a, reply()), kRedirect);
    EXPECT_EQ(world.events().size(), 2U) << "a connection of its own";
}

TEST_P(IcmpTypes, AConnectionThatIsDecidedAgainIsAskedAboutByTheTypeThatOpenedIt) {
    world.set_policies(b, 0, only(request()));
    EXPECT_EQ(from(a, request()), kRedirect);
    world.set_policies(b, 0, only(request(), 6));
    world.raise_generation();
    EXPECT_EQ(from(b, reply()), kRedirect);
    EXPECT_EQ(from(a, request()), kRedirect);
    world.set_policies(b, 0, only(reply()));
    world.raise_generation();
    EXPECT_EQ(from(b, reply()), kShot);
    EXPECT_EQ(from(a, request()), kShot);
}

TEST_P(IcmpTypes, TheCloseEventNamesTheType) {
    EXPECT_EQ(from(a, request()), kRedirect);
    EXPECT_EQ(from(b, reply()), kRedirect);
    weft_control control = world.control();
    control.timeout_other = 0;
    world.set_control(control);
    usleep(100000);
    world.events();
    ASSERT_TRUE(datapath::age_flows(world.pins()));
    std::vector<int> types;
    for (const auto& event : world.events()) types.push_back(event.source_port >> 8 | (event.source_port & 0xff) << 8);
    std::ranges::sort(types);
    EXPECT_EQ(types, (v6() ? std::vector<int>{128, 129} : std::vector<int>{0, 8}));
}

TEST_P(IcmpTypes, AnErrorAboutAnEchoBelongsToIt) {
    world.set_policies(b, 0, only(request()));
    EXPECT_EQ(from(a, request()), kRedirect);
    const auto error = build_icmp_error(address(b), address(a), v6() ? 1 : 3, 0, build(message(b, request())));
    EXPECT_EQ(world.run(WEFT_PROG_FROM_POD, b.ifindex, error).verdict, kRedirect);
}

}  // namespace
}  // namespace weft::test
