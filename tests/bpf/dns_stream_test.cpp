// Messages of DNS over TCP, put together from segments of any size and in any order.
#include <random>

#include "tests/bpf/dns_tcp.hpp"

namespace weft::test {
namespace {

class DnsStream : public DnsTcp {};

INSTANTIATE_TEST_SUITE_P(Families, DnsStream, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(DnsStream, AnAnswerMayBeSplitAnywhere) {
    const std::string said = said_bytes({address});
    for (std::size_t at = 1; at < said.size(); ++at) {
        SCOPED_TRACE(at);
        auto c = connected(a, static_cast<std::uint16_t>(kPort + at));
        ask(c, asked_bytes());
        reply(c, said.substr(0, at));
        ASSERT_EQ(world.dns_count(WEFT_DNS_ANSWERS), at - 1) << "not before it is whole";
        reply(c, said.substr(at));
        ASSERT_EQ(world.dns_count(WEFT_DNS_ANSWERS), at);
    }
    EXPECT_TRUE(opens(address));
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 0U);
}

TEST_P(DnsStream, SegmentsOfAByteEach) {
    auto c = connected(a);
    for (const char byte : asked_bytes()) ask(c, std::string(1, byte));
    const std::string said = said_bytes({address});
    reply_in_parts(c, said.substr(0, said.size() - 1), 1);
    EXPECT_FALSE(opens(address));
    reply(c, said.substr(said.size() - 1));
    EXPECT_TRUE(opens(address));
}

TEST_P(DnsStream, AQuestionBehindItsLength) {
    auto c = connected(a);
    const std::string asked = asked_bytes();
    ask(c, asked.substr(0, 2));
    ask(c, asked.substr(2));
    reply(c, said_bytes({address}));
    EXPECT_TRUE(opens(address));
}

TEST_P(DnsStream, TwoQuestionsAndTwoAnswersInOnePacketEach) {
    auto c = connected(a);
    ask(c, asked_bytes("www.example.com", 1) + asked_bytes("www.example.com", 2));
    EXPECT_EQ(world.dns_count(WEFT_DNS_QUERIES), 2U);
    reply(c, said_bytes({address}, "www.example.com", 2) + said_bytes({other}, "www.example.com", 1));
    EXPECT_TRUE(opens(address));
    EXPECT_TRUE(opens(other));
}

TEST_P(DnsStream, APacketMayEndInsideTheNextMessage) {
    const std::string both = said_bytes({address}, "www.example.com", 1) + said_bytes({other}, "www.example.com", 2);
    for (std::size_t at = 1; at < both.size(); ++at) {
        SCOPED_TRACE(at);
        auto c = connected(a, static_cast<std::uint16_t>(kPort + at));
        ask(c, asked_bytes("www.example.com", 1) + asked_bytes("www.example.com", 2));
        reply(c, both.substr(0, at));
        reply(c, both.substr(at));
        ASSERT_EQ(world.dns_count(WEFT_DNS_ANSWERS), 2 * at);
    }
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 0U);
}

TEST_P(DnsStream, WhatComesTooEarlyWaitsForWhatIsMissing) {
    const std::string both = said_bytes({address}, "www.example.com", 1) + said_bytes({other}, "www.example.com", 2);
    const auto size = static_cast<std::uint32_t>(both.size());
    std::uint16_t count = 0;
    for (std::uint32_t first = 1; first + 1 < size; first += 3)
        for (std::uint32_t second = first + 1; second < size; second += 5) {
            SCOPED_TRACE(fmt::format("{} {}", first, second));
            auto c = connected(a, static_cast<std::uint16_t>(1024 + count));
            ask(c, asked_bytes("www.example.com", 1) + asked_bytes("www.example.com", 2));
            send(c, true, c.said + first, both.substr(first, second - first));
            send(c, true, c.said + second, both.substr(second));
            ASSERT_EQ(world.dns_count(WEFT_DNS_ANSWERS), 2U * count);
            send(c, true, c.said, both.substr(0, first));
            ASSERT_EQ(world.dns_count(WEFT_DNS_ANSWERS), 2U * ++count);
            c.said += size;
            close(c);
        }
    EXPECT_TRUE(opens(address));
    EXPECT_TRUE(opens(other));
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 0U);
}

TEST_P(DnsStream, WhatIsSentAgainCountsOnce) {
    auto c = connected(a);
    ask(c, asked_bytes());
    const std::string said = said_bytes({address});
    const std::uint32_t first = c.said;
    reply(c, said.substr(0, 20));
    send(c, true, first, said.substr(0, 30));  // more than before
    send(c, true, first + 10, said.substr(10, 5));
    send(c, true, first + 25, said.substr(25));
    EXPECT_TRUE(opens(address));
    EXPECT_EQ(world.dns_count(WEFT_DNS_ANSWERS), 1U);
    send(c, true, first, said);
    send(c, true, first + 5, said.substr(5));
    EXPECT_EQ(world.dns_count(WEFT_DNS_ANSWERS), 1U);
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNASKED), 0U) << "not even looked at";
}

TEST_P(DnsStream, TwoGapsAreOneTooMany) {
    auto c = connected(a);
    ask(c, asked_bytes());
    const std::string said = said_bytes({address});
    send(c, true, c.said + 10, said.substr(10, 5));
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 0U);
    send(c, true, c.said + 20, said.substr(20));
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 1U);
    send(c, true, c.said, said.substr(0, 20));
    EXPECT_FALSE(opens(address));
    send(c, true, c.said + 20, said.substr(20));
    EXPECT_TRUE(opens(address)) << "sent again";
}

TEST_P(DnsStream, TheLongestMessageAndALongerOne) {
    auto c = connected(a);
    auto said = dns_answer(question(), {address});
    const auto fill = WEFT_DNS_MESSAGE - said.bytes().size();
    for (const bool longer : {true, false}) {
        said.rest = std::string(fill + longer, '\0');
        ask(c, asked_bytes());
        reply_in_parts(c, framed(said.bytes()), 1448);
        EXPECT_EQ(world.dns_count(WEFT_DNS_MALFORMED), 1U);
        EXPECT_EQ(opens(address), !longer);
    }
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 0U);
}

// What an attacker can put into a resolver's answer about a name of his own: a whole answer about another name, at the
// beginning of a segment.
TEST_P(DnsStream, AMessageInsideAMessageIsNone) {
    auto asked = question("evil.example.net");
    asked.type = kTypeTxt;
    auto said = dns_answer(asked, {});
    const std::string inside = said_bytes({address}, "www.example.com", 8);
    said.answers.push_back({.owner = dns_pointer(12), .type = kTypeTxt, .data = inside});
    auto c = connected(a);
    ask(c, framed(asked.bytes()) + asked_bytes("www.example.com", 8));
    const std::string bytes = framed(said.bytes());
    const auto at = bytes.size() - inside.size();
    reply(c, bytes.substr(0, at));
    reply(c, bytes.substr(at));
    EXPECT_EQ(world.dns_count(WEFT_DNS_ANSWERS), 1U);
    EXPECT_FALSE(opens(address));
    for (const bool reply : {false, true}) {  // a packet that claims to open what is open
        send(c, reply, c.said - static_cast<std::uint32_t>(inside.size()) - 1, "", reply ? kSyn | kAck : kSyn | kAck);
        send(c, true, c.said - static_cast<std::uint32_t>(inside.size()), inside);
        EXPECT_FALSE(opens(address));
    }
}

TEST_P(DnsStream, WithoutItsBeginningAConnectionIsNotRead) {
    Connection c{a, kPort, 100, 200};
    ask(c, asked_bytes());
    reply(c, said_bytes({address}));
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 2U);
    EXPECT_FALSE(opens(address));
}

TEST_P(DnsStream, AConnectionOnTheSamePortsIsAnother) {
    for (const bool closed : {true, false}) {
        auto c = connected(a);
        ask(c, asked_bytes());
        reply(c, said_bytes({address}).substr(0, 20));
        if (closed)
            close(c);
        else
            send(c, true, c.said, "", kRst);
    }
    auto c = connected(a);
    ask(c, asked_bytes());
    reply(c, said_bytes({address}));
    EXPECT_TRUE(opens(address));
}

TEST_P(DnsStream, ShortFramesArePadded) {
    auto c = connected(a);
    ask(c, asked_bytes());
    const std::string said = said_bytes({address});
    for (const char byte : said) {
        Bytes frame = build(segment(c, true, c.said++, std::string(1, byte)));
        frame.resize(std::max<std::size_t>(frame.size(), 60) + 4, 0xff);
        ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, resolver.ifindex, frame).verdict, kRedirect);
    }
    EXPECT_TRUE(opens(address));
}

TEST_P(DnsStream, MoreMessagesThanOnePacketMayHave) {
    auto c = connected(a);
    std::string asked;
    for (std::uint16_t id = 1; id <= WEFT_DNS_SEGMENT_MESSAGES; ++id) asked += asked_bytes("www.example.com", id);
    ask(c, asked);
    EXPECT_EQ(world.dns_count(WEFT_DNS_QUERIES), WEFT_DNS_SEGMENT_MESSAGES);
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 0U);
    ask(c, asked + asked_bytes());
    EXPECT_EQ(world.dns_count(WEFT_DNS_QUERIES), 2U * WEFT_DNS_SEGMENT_MESSAGES);
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNREAD), 1U);
}

TEST_P(DnsStream, APodThatFloodsLosesItsOwn) {
    auto mine = connected(b, 1000);
    for (std::uint16_t port = 1; port < 4 * WEFT_DNS_STREAM_SETS * WEFT_DNS_WAYS; ++port) {
        Connection c{a, port, 1, 1};
        world.run(WEFT_PROG_FROM_POD, a.ifindex, build(segment(c, false, 1, "", kSyn)));
    }
    world.events();
    ask(mine, asked_bytes());
    reply(mine, said_bytes({address}));
    EXPECT_EQ(connect(b, address), kRedirect);
    auto newest = connected(a);
    ask(newest, asked_bytes());
    reply(newest, said_bytes({other}));
    EXPECT_TRUE(opens(other)) << "and the oldest first";
}

// Messages cut at random, parts sent again or in pairs the other way round: every answer is read, once.
TEST_P(DnsStream, AnyCutGivesTheSame) {
    std::mt19937 random(7);
    for (int round = 0; round < 60; ++round) {
        SCOPED_TRACE(round);
        const auto before = world.dns_count(WEFT_DNS_ANSWERS);
        auto c = connected(a, static_cast<std::uint16_t>(kPort + round));
        std::string asked, said;
        const int messages = 1 + static_cast<int>(random() % 6);
        for (std::uint16_t id = 1; id <= messages; ++id) {
            asked += asked_bytes("www.example.com", id);
            said += said_bytes(std::vector<std::string>(1 + random() % 30, numbered(round + 1)), "www.example.com", id);
        }
        ask(c, asked);
        const std::size_t most = 1 + random() % 700;
        for (std::size_t at = 0; at < said.size();) {
            const std::size_t size = 1 + random() % most, next = std::min(at + size, said.size());
            const auto number = c.said + static_cast<std::uint32_t>(at);
            const std::size_t further = std::min(next + 1 + random() % most, said.size());
            if (random() % 4 == 0 && further > next) {
                send(c, true, c.said + static_cast<std::uint32_t>(next), said.substr(next, further - next));
                send(c, true, number, said.substr(at, next - at));
                at = further;
            } else {
                const std::size_t back = random() % 3 == 0 ? random() % (at + 1) : at;
                send(c, true, c.said + static_cast<std::uint32_t>(back),
                     said.substr(back, std::min<std::size_t>(next - back, 1400)));
                at = std::max(at, std::min(next, back + 1400));
            }
        }
        ASSERT_EQ(world.dns_count(WEFT_DNS_ANSWERS), before + static_cast<unsigned>(messages));
        ASSERT_TRUE(opens(numbered(round + 1)));
        close(c);
    }
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNASKED), 0U);
    EXPECT_EQ(world.dns_count(WEFT_DNS_MALFORMED), 0U);
}

// Bytes of an answer changed at random: packets go on to their receiver, and only what was asked for is opened.
TEST_P(DnsStream, ChangedBytesOpenNothingElse) {
    std::mt19937 random(11);
    for (std::uint16_t round = 0; round < 300; ++round) {
        auto c = connected(a, static_cast<std::uint16_t>(kPort + round));
        ask(c, asked_bytes("example.net"));  // that no policy speaks of
        std::string said = said_bytes({address, other}, "example.net") + asked_bytes("www.example.com", round) +
                           said_bytes({address}, "www.example.com", round);
        for (auto changes = random() % 8; changes > 0; --changes)
            said[random() % said.size()] = static_cast<char>(random());
        reply_in_parts(c, said, 1 + random() % said.size());
        ASSERT_FALSE(opens(address)) << round;
    }
    EXPECT_EQ(world.dns_count(WEFT_DNS_ADDRESSES), 0U);
}

}  // namespace
}  // namespace weft::test
