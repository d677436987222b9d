// Which answers are believed, and which enter nothing.
#include "tests/bpf/dns_fixture.hpp"

namespace weft::test {
namespace {

class DnsAnswers : public Dns {};

INSTANTIATE_TEST_SUITE_P(Families, DnsAnswers, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(DnsAnswers, CapitalLettersAreSmallOnes) {
    resolve(a, "wWw.EXAMPLE.cOm", {address});
    EXPECT_TRUE(opens(address));
}

TEST_P(DnsAnswers, TheQuestionsNameCountsAlongAliases) {
    const auto asked = question();
    auto said = dns_answer(asked, {});
    const std::string alias = dns_name("edge.cdn.example.net"), last = dns_name("e1.example.net");
    said.answers.push_back({.owner = dns_pointer(12), .type = kTypeCname, .data = alias});
    const auto alias_at = 12 + asked.name.size() + 4 + 12;
    said.answers.push_back({.owner = dns_pointer(static_cast<unsigned>(alias_at)), .type = kTypeCname, .data = last});
    said.answers.push_back(dns_address(last, address));                        // spelled out, not pointed to
    said.answers.push_back(dns_address(dns_name("evil.example.net"), other));  // belongs to nobody
    ASSERT_EQ(ask(a, asked).verdict, kRedirect);
    ASSERT_EQ(reply(a, said.bytes()).verdict, kRedirect);
    EXPECT_TRUE(opens(address));
    EXPECT_FALSE(opens(other));
}

TEST_P(DnsAnswers, AnAliasThatAPolicySpeaksOfIsNotTheQuestion) {
    const auto asked = question("www.example.net");
    auto said = dns_answer(asked, {});
    said.answers.push_back({.owner = dns_pointer(12), .type = kTypeCname, .data = dns_name("www.example.com")});
    said.answers.push_back(dns_address(dns_name("www.example.com"), address));
    ASSERT_EQ(ask(a, asked).verdict, kRedirect);
    ASSERT_EQ(reply(a, said.bytes()).verdict, kRedirect);
    EXPECT_FALSE(opens(address));
}

TEST_P(DnsAnswers, AnAnswerToNothingEntersNothing) {
    ASSERT_EQ(ask(a, question("other.example.net")).verdict, kRedirect);  // opens the connection
    DnsMessage stranger = dns_answer(question(), {address});
    stranger.id = 8;
    EXPECT_EQ(reply(a, stranger.bytes()).verdict, kRedirect) << "another id";
    EXPECT_EQ(reply(a, dns_answer(question(), {address}).bytes()).verdict, kRedirect) << "another question";
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNASKED), 2U);
    auto asked = question(), typed = dns_answer(asked, {address});
    typed.type = kTypeTxt;
    ASSERT_EQ(ask(a, asked).verdict, kRedirect);
    EXPECT_EQ(reply(a, typed.bytes()).verdict, kRedirect) << "another type";
    EXPECT_EQ(world.dns_count(WEFT_DNS_UNASKED), 3U);
    EXPECT_FALSE(opens(address));
    EXPECT_EQ(reply(a, dns_answer(asked, {address}).bytes()).verdict, kRedirect) << "the right one comes after all";
    EXPECT_TRUE(opens(address));
    EXPECT_EQ(reply(a, dns_answer(asked, {other}).bytes()).verdict, kRedirect) << "answered once";
    EXPECT_FALSE(opens(other));
}

TEST_P(DnsAnswers, AnotherResolversAnswerEntersNothing) {
    ASSERT_EQ(ask(a, question()).verdict, kRedirect);
    PacketSpec spec = answer(datagram(a));
    spec.source = of(b);
    spec.payload = dns_answer(question(), {address}).bytes();
    world.run(WEFT_PROG_FROM_POD, b.ifindex, build(spec));
    EXPECT_FALSE(opens(address));
    EXPECT_EQ(world.dns_count(WEFT_DNS_ADDRESSES), 0U);
}

TEST_P(DnsAnswers, HostileAnswersEnterNothing) {
    const auto asked = question();
    const auto good = dns_answer(asked, {address});
    const auto changed = [&](auto change) {
        auto out = good;
        change(out);
        return out.bytes();
    };
    const unsigned record_at = static_cast<unsigned>(12 + asked.name.size() + 4);
    const auto owned_by = [&](const std::string& owner) {
        return changed([&](auto& m) { m.answers.insert(m.answers.begin(), dns_address(owner, other)); });
    };
    const struct {
        const char* what;
        std::string bytes;
        weft_dns_count why;
    } cases[] = {
        {"cut in the record", good.bytes().substr(0, good.bytes().size() - 1), WEFT_DNS_MALFORMED},
        {"cut in the question", good.bytes().substr(0, 20), WEFT_DNS_MALFORMED},
        {"shorter than a header", good.bytes().substr(0, 11), WEFT_DNS_MALFORMED},
        {"a question", changed([](auto& m) { m.flags = 0x0100; }), WEFT_DNS_MALFORMED},
        {"another operation", changed([](auto& m) { m.flags = 0xa800; }), WEFT_DNS_MALFORMED},
        {"truncated", changed([](auto& m) { m.flags |= 0x0200; }), WEFT_DNS_TRUNCATED},
        {"two questions", changed([](auto& m) { m.questions = 2; }), WEFT_DNS_MALFORMED},
        {"no question", changed([](auto& m) { m.questions = 0; }), WEFT_DNS_MALFORMED},
        {"more records than there are", changed([](auto& m) { m.records = 2; }), WEFT_DNS_MALFORMED},
        {"too many records", changed([](auto& m) { m.records = WEFT_DNS_RECORDS + 1; }), WEFT_DNS_TOO_MANY},
        {"a pointer to itself", owned_by(dns_pointer(record_at)), WEFT_DNS_MALFORMED},
        {"a pointer forward", owned_by(dns_pointer(record_at + 20)), WEFT_DNS_MALFORMED},
        {"a pointer into the header", owned_by(dns_pointer(4)), WEFT_DNS_MALFORMED},
        {"a loop of two", owned_by("\1a" + dns_pointer(record_at)), WEFT_DNS_MALFORMED},
        {"a label of 64", owned_by(std::string("\x40", 1) + std::string(64, 'a') + '\0'), WEFT_DNS_MALFORMED},
        {"a label of a kind that nobody knows", owned_by(std::string("\x80\0", 2)), WEFT_DNS_MALFORMED},
        {"a name of 256",
         owned_by(dns_name(std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
                           std::string(62, 'd'))),
         WEFT_DNS_MALFORMED},
        {"an address of another length", changed([](auto& m) { m.answers[0].data.pop_back(); }), WEFT_DNS_MALFORMED},
        {"data behind the end", changed([](auto& m) { m.answers[0].length = 400; }), WEFT_DNS_MALFORMED},
    };
    for (const auto& [what, bytes, why] : cases) {
        SCOPED_TRACE(what);
        expect_nothing(asked, bytes, why);
    }
}

TEST_P(DnsAnswers, AMessageThatIsLongerThanItsPacketOrThanIsReadEntersNothing) {
    for (const unsigned length : {0U, 8U + 16, 200U, 8U + WEFT_DNS_MESSAGE + 1, 65535U}) {
        SCOPED_TRACE(length);
        ASSERT_EQ(ask(a, question()).verdict, kRedirect);
        PacketSpec spec = answer(datagram(a));
        spec.payload = dns_answer(question(), {address}).bytes();
        Bytes frame = build(spec);
        const std::size_t at = 14U + (v6 ? 40 : 20) + 4;
        frame[at] = static_cast<std::uint8_t>(length >> 8);
        frame[at + 1] = static_cast<std::uint8_t>(length);
        const auto before = world.dns_count(WEFT_DNS_MALFORMED);
        world.run(WEFT_PROG_FROM_POD, resolver.ifindex, frame);
        EXPECT_EQ(world.dns_count(WEFT_DNS_MALFORMED), before + 1);
        EXPECT_FALSE(opens(address));
    }
}

TEST_P(DnsAnswers, ErrorsAndOtherClassesEnterNothing) {
    auto asked = question();
    auto refused = dns_answer(asked, {address});
    refused.flags |= 3;  // NXDOMAIN
    expect_nothing(asked, refused.bytes(), WEFT_DNS_ANSWERS);
    auto chaos = dns_answer(asked, {address});
    chaos.answers[0].in = 3;
    expect_nothing(asked, chaos.bytes(), WEFT_DNS_ANSWERS);
    const auto said = dns_answer(asked, {}).bytes();
    expect_nothing(asked, said, WEFT_DNS_ANSWERS);
}

TEST_P(DnsAnswers, LongNames) {
    const std::string name = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
                             std::string(49, 'd') + ".example.org";
    ASSERT_EQ(dns_name(name).size(), 255U);
    put_row(2, kByName);
    auto said = dns_answer(question(name), {});
    said.answers.push_back(dns_address(dns_name(name), address));
    ASSERT_EQ(ask(a, question(name)).verdict, kRedirect);
    ASSERT_EQ(reply(a, said.bytes()).verdict, kRedirect);
    EXPECT_TRUE(opens(address));
    std::string labels;  // 127 of them
    for (int i = 0; i < 125; ++i) labels += "a.";
    labels.resize(2 * 115);
    resolve(a, labels + "example.org", {other});
    EXPECT_TRUE(opens(other));
}

// Names and addresses are known by hashes: neither may be chosen so that one is taken for another, or takes its place.
TEST_P(DnsAnswers, WhatDiffersInTheHighestBitsOfWordsDiffers) {
    const auto asked = question();
    auto said = dns_answer(asked, {address});
    std::string near = asked.name;
    for (const std::size_t at : {7U, 11U, 15U}) near[at] = static_cast<char>(near[at] ^ 0x80);
    said.answers.push_back(dns_address(near, other));
    ASSERT_EQ(ask(a, asked).verdict, kRedirect);
    ASSERT_EQ(reply(a, said.bytes()).verdict, kRedirect);
    EXPECT_TRUE(opens(address));
    EXPECT_FALSE(opens(other)) << "of another name";
    if (!v6) return;
    const std::vector<std::string> alike{"2001:db8:2::1", "2001:db8:2:80::81"};
    resolve(a, "www.example.com", alike);
    for (const auto& one : alike) EXPECT_TRUE(opens(one)) << one;
}

TEST_P(DnsAnswers, ADotInALabelIsNoDot) {
    const std::string trick = std::string("\x0fwww.example.com", 16) + '\0';
    DnsMessage asked = question();
    asked.name = trick;
    expect_nothing(asked, dns_answer(asked, {address}).bytes(), WEFT_DNS_ANSWERS);
}

TEST_P(DnsAnswers, ManyAddresses) {
    std::vector<std::string> addresses;
    for (int i = 1; i <= 64; ++i)
        addresses.push_back(fmt::format(fmt::runtime(v6 ? "2001:db8:2::{}" : "203.0.113.{}"), i));
    resolve(a, "www.example.com", addresses);
    for (const auto& one : addresses) EXPECT_TRUE(opens(one)) << one;
    EXPECT_EQ(world.dns_count(WEFT_DNS_ADDRESSES), 64U);
}

TEST_P(DnsAnswers, TimesToLiveAreRaisedAndCut) {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    const auto seconds = static_cast<std::uint32_t>(now.tv_sec);
    resolve(a, "www.example.com", {address}, 0);
    resolve(a, "www.example.com", {other}, 0x7fffffff);
    std::vector<std::uint32_t> lives;
    ASSERT_TRUE((map<std::uint32_t, weft_dns_address>(WEFT_MAP_DNS_ADDRESSES)
                     .for_each([&](std::uint32_t, const weft_dns_address& row) {
                         if (row.names[0].expires > seconds) lives.push_back(row.names[0].expires - seconds);
                     })));
    std::ranges::sort(lives);
    ASSERT_GE(lives.size(), 2U);
    EXPECT_NEAR(lives.front(), WEFT_DNS_MIN_TTL, 5);
    EXPECT_NEAR(lives.back(), WEFT_DNS_MAX_TTL, 5);
}

}  // namespace
}  // namespace weft::test
