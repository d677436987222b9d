// Answers by TCP: which are believed, and that they are entered before the packet that completes them is delivered.
#include <arpa/inet.h>

#include "tests/bpf/dns_tcp.hpp"

namespace weft::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Families, DnsTcp, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(DnsTcp, AnAnswerInOneSegmentOpensItsAddressesAtOnce) {
    auto c = connected(a);
    ask(c, asked_bytes());
    EXPECT_FALSE(opens(address));
    reply(c, said_bytes({address, other}));
    EXPECT_TRUE(opens(address));
    EXPECT_TRUE(opens(other));
    EXPECT_EQ(connect(b, address), kShot) << "another pod";
    EXPECT_EQ(world.dns_count(WEFT_DNS_QUERIES), 1U);
    EXPECT_EQ(world.dns_count(WEFT_DNS_ANSWERS), 1U);
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 0U);
}

TEST_P(DnsTcp, AnEstablishedConnectionIsReadFromMessageToMessage) {
    auto c = connected(a);
    for (int i = 1; i <= 20; ++i) {
        ask(c, asked_bytes("www.example.com", static_cast<std::uint16_t>(i)));
        send(c, true, c.said, "");  // acknowledged by itself
        reply(c, said_bytes({numbered(i)}, "www.example.com", static_cast<std::uint16_t>(i)));
        EXPECT_TRUE(opens(numbered(i))) << i;
    }
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 0U);
}

TEST_P(DnsTcp, EventsTellQuestionAndAnswer) {
    world.events();
    auto c = connected(a);
    ask(c, asked_bytes());
    reply_in_parts(c, said_bytes({address, other}), 20);
    world.events();
    const auto events = world.dns_events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].flow.protocol, kTcp);
    EXPECT_EQ(events[0].flow.flags & WEFT_EVENT_REPLY, 0);
    EXPECT_EQ(events[0].flow.destination_port, htons(53));
    EXPECT_EQ(events[1].flow.protocol, kTcp);
    EXPECT_EQ(events[1].flow.flags & WEFT_EVENT_REPLY, WEFT_EVENT_REPLY);
    EXPECT_EQ(events[1].flow.source_endpoint, resolver.number);
    EXPECT_EQ(events[1].addresses, 2);
    EXPECT_EQ(events[1].class_id, 1U);
    EXPECT_GT(events[1].latency_ns, 0U);
}

TEST_P(DnsTcp, ATruncatedAnswerByUdpIsFollowedByTheWholeOne) {
    auto truncated = dns_answer(question(), {address});
    truncated.flags |= 0x0200;
    ASSERT_EQ(Dns::ask(a, question()).verdict, kRedirect);
    ASSERT_EQ(Dns::reply(a, truncated.bytes()).verdict, kRedirect);
    EXPECT_FALSE(opens(address));
    auto c = connected(a);
    ask(c, asked_bytes());
    reply(c, said_bytes({address}));
    EXPECT_TRUE(opens(address));
}

// Both by the same ports and id.
TEST_P(DnsTcp, AnAnswerBelongsToAQuestionOfItsProtocol) {
    auto c = connected(a);
    ASSERT_EQ(Dns::ask(a, question()).verdict, kRedirect);
    reply(c, said_bytes({address}));
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNASKED), 1U);
    EXPECT_FALSE(opens(address));
    ASSERT_EQ(Dns::reply(a, dns_answer(question(), {}).bytes()).verdict, kRedirect);
    ask(c, asked_bytes());
    ASSERT_EQ(Dns::reply(a, dns_answer(question(), {address}).bytes()).verdict, kRedirect);
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNASKED), 2U);
    EXPECT_FALSE(opens(address));
    reply(c, said_bytes({address}));
    EXPECT_TRUE(opens(address));
}

TEST_P(DnsTcp, AnAnswerToNothingEntersNothing) {
    auto c = connected(a);
    ask(c, asked_bytes());
    reply(c, said_bytes({address}, "www.example.com", 8));
    reply(c, said_bytes({address}, "x.example.org"));
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNASKED), 2U);
    auto another = connected(a, kPort + 1);
    reply(another, said_bytes({address}));
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNASKED), 3U) << "asked by another port";
    EXPECT_FALSE(opens(address));
    reply(c, said_bytes({address}));
    EXPECT_TRUE(opens(address));
    reply(c, said_bytes({other}));
    EXPECT_FALSE(opens(other)) << "answered once";
}

TEST_P(DnsTcp, AnotherResolversAnswerEntersNothing) {
    auto c = connected(a);
    ask(c, asked_bytes());
    PacketSpec spec = segment(c, true, c.said, said_bytes({address}));
    spec.source = of(b);
    world.run(WEFT_PROG_FROM_POD, b.ifindex, build(spec));
    EXPECT_FALSE(opens(address));
    EXPECT_EQ(world.dns_count(WEFT_DNS_ADDRESSES), 0U);
}

TEST_P(DnsTcp, HostileAnswersEnterNothingAndTheNextIsRead) {
    const auto asked = question();
    const auto good = dns_answer(asked, {address});
    const auto changed = [&](auto change) {
        auto out = good;
        change(out);
        return out.bytes();
    };
    const auto record_at = static_cast<unsigned>(12 + asked.name.size() + 4);
    const auto owned_by = [&](const std::string& owner) {
        return changed([&](auto& m) { m.answers.insert(m.answers.begin(), dns_address(owner, other)); });
    };
    const struct {
        const char* what;
        std::string bytes;
        weft_dns_count why;
    } cases[] = {
        {"nothing", "", WEFT_DNS_MALFORMED},
        {"a byte", "x", WEFT_DNS_MALFORMED},
        {"cut in the record", good.bytes().substr(0, good.bytes().size() - 1), WEFT_DNS_MALFORMED},
        {"cut in the question", good.bytes().substr(0, 20), WEFT_DNS_MALFORMED},
        {"a question", asked.bytes(), WEFT_DNS_MALFORMED},
        {"truncated", changed([](auto& m) { m.flags |= 0x0200; }), WEFT_DNS_TRUNCATED},
        {"more records than there are", changed([](auto& m) { m.records = 2; }), WEFT_DNS_MALFORMED},
        {"too many records", changed([](auto& m) { m.records = WEFT_DNS_RECORDS + 1; }), WEFT_DNS_TOO_MANY},
        {"a pointer to itself", owned_by(dns_pointer(record_at)), WEFT_DNS_MALFORMED},
        {"a loop of two", owned_by("\1a" + dns_pointer(record_at)), WEFT_DNS_MALFORMED},
        {"longer than is read", good.bytes() + std::string(WEFT_DNS_MESSAGE, 'x'), WEFT_DNS_MALFORMED},
    };
    for (const std::size_t size : {std::size_t{1200}, std::size_t{11}}) {
        auto c = connected(a);
        for (const auto& [what, bytes, why] : cases) {
            SCOPED_TRACE(what);
            const auto before = world.dns_count(why);
            ask(c, asked_bytes());
            reply_in_parts(c, framed(bytes), size);
            EXPECT_EQ(world.dns_count(why), before + 1);
            EXPECT_EQ(world.dns_count(WEFT_DNS_ADDRESSES), 0U);
            EXPECT_FALSE(opens(address));
        }
        ask(c, asked_bytes("www.example.com", 77));
        reply_in_parts(c, said_bytes({other}, "www.example.com", 77), size);
        EXPECT_TRUE(opens(other));
        SetUp();
    }
}

// Through the uplink: masqueraded to another port, and back by from_netdev.
TEST_P(DnsTcp, AResolverOutside) {
    world.set_policies(a, world.add_policy({{0, World::allow_all(1)}}), 0);
    PacketSpec spec = segment({a, kPort, 100, 0}, false, 100, "", kSyn);
    spec.destination = v6 ? "2001:db8:53::1" : "198.51.100.53";
    const Parsed wire = parse(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec)).frame);
    ASSERT_NE(wire.source, of(a));
    PacketSpec back = answer(spec);
    back.destination = wire.source;
    back.destination_port = wire.source_port;
    back.tcp_flags = kSyn | kAck;
    back.sequence = 500;
    ASSERT_EQ(world.run(WEFT_PROG_FROM_NETDEV, node()->uplink, build(back)).verdict, kRedirect);
    spec.tcp_flags = back.tcp_flags = kAck;
    spec.sequence = 101;
    spec.payload = asked_bytes();
    ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec)).verdict, kRedirect);
    const std::string said = said_bytes({address});
    for (const std::size_t at : {std::size_t{0}, std::size_t{30}}) {
        back.sequence = 501 + static_cast<std::uint32_t>(at);
        back.payload = at == 0 ? said.substr(0, 30) : said.substr(30);
        ASSERT_EQ(world.run(WEFT_PROG_FROM_NETDEV, node()->uplink, build(back)).verdict, kRedirect);
    }
    world.set_policies(a, by_name(), 0);
    world.raise_generation();
    EXPECT_TRUE(opens(address));
}

// The host's own resolver: what its stack sends to the pod is seen at the last hook.
TEST_P(DnsTcp, AResolverOfTheNode) {
    world.set_policies(a, world.add_policy({{1, by_name_rows()}, {0, World::allow_all(1)}}), 0);
    PacketSpec spec = segment({a, kPort, 100, 0}, false, 100, "", kSyn);
    spec.destination = v6 ? "2001:db8::1" : "192.0.2.1";
    ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec)).verdict, kPass);
    PacketSpec back = answer(spec);
    back.tcp_flags = kSyn | kAck;
    ASSERT_EQ(world.run(WEFT_PROG_TO_POD, a.ifindex, build(back)).verdict, kPass);
    spec.tcp_flags = back.tcp_flags = kAck;
    ++spec.sequence;
    ++back.sequence;
    spec.payload = asked_bytes();
    ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec)).verdict, kPass);
    back.payload = said_bytes({address});
    ASSERT_EQ(world.run(WEFT_PROG_TO_POD, a.ifindex, build(back)).verdict, kPass);
    EXPECT_TRUE(opens(address));
}

TEST_P(DnsTcp, APodThatIsNotReadPaysNothingAndLearnsNothing) {
    world.read_dns(a, false);
    world.raise_generation();
    auto c = connected(a);
    ask(c, asked_bytes());
    reply(c, said_bytes({address}));
    EXPECT_FALSE(opens(address));
    for (const auto what : {WEFT_DNS_QUERIES, WEFT_DNS_ANSWERS, WEFT_DNS_UNREAD}) EXPECT_EQ(world.dns_count(what), 0U);
}

}  // namespace
}  // namespace weft::test
