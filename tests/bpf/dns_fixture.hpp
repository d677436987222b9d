// A pod that learns of DNS names and a resolver, as the loaded programs see them.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "tests/bpf/dns_message.hpp"
#include "tests/bpf/dns_names.hpp"
#include "tests/bpf/world.hpp"

namespace weft::test {

constexpr std::uint32_t kDenier = 20, kByName = 30, kList = 5;
constexpr std::uint16_t kPort = 40053;

class Dns : public testing::TestWithParam<bool> {
  protected:
    struct Node {
        World world{world_name()};
        World::Pod a = world.add_pod(1), b = world.add_pod(2), resolver = world.add_pod(3);
        std::uint32_t uplink = world.add_uplink();
    };
    // Of the suite's name: each has a world of its own.
    static std::string world_name() {
        const std::string suite = testing::UnitTest::GetInstance()->current_test_suite()->name();
        return "dns-" + suite.substr(suite.find('/') + 1);
    }
    static std::unique_ptr<Node>& node() {
        static std::unique_ptr<Node> shared;
        return shared;
    }
    static void SetUpTestSuite() { node() = std::make_unique<Node>(); }
    static void TearDownTestSuite() { node().reset(); }
    void SetUp() override {
        world.reset();
        for (std::uint32_t class_id = 1; class_id <= 3; ++class_id)
            ASSERT_TRUE((map<weft_dns_row_key, weft_dns_row>(WEFT_MAP_DNS_ROWS).erase({kList, class_id})));
        put_automaton(world, 0, 1, {"www.example.com", "**.example.org"});
        world.set_policies(a, by_name(), 0);
        world.set_policies(b, by_name(), 0);
        for (const auto& pod : {a, b}) world.read_dns(pod, true);
    }

    World& world = node()->world;
    const World::Pod &a = node()->a, &b = node()->b, &resolver = node()->resolver;
    const bool v6 = GetParam();
    const std::string address = v6 ? "2001:db8:1::7" : "198.51.100.7", other = v6 ? "2001:db8:1::8" : "198.51.100.8";

    template <typename Key, typename Value>
    datapath::Map<Key, Value> map(const char* name) {
        return datapath::Map<Key, Value>::open(world.pins(), name).value();
    }
    // Everything to pods is allowed, to the outside what the list says: the names of class 1 by kByName, port 443.
    World::Rows by_name_rows() {
        put_row(1, kByName);
        const auto number = [](std::uint16_t port) { return static_cast<std::uint32_t>(kTcp) << 16 | port; };
        const std::uint32_t deny = WEFT_ROW_DEFAULT_DENY, named = deny | kList << WEFT_ROW_NAMES_SHIFT;
        return {{0, number(443) - 1, kDenier, deny},
                {number(443), number(443), kDenier, named},
                {number(444), WEFT_PORT_NUMBER_MAX, kDenier, deny}};
    }
    std::uint32_t by_name() { return world.add_policy({{0, World::allow_all(1)}, {1, by_name_rows()}}); }
    void put_row(std::uint32_t class_id, std::uint32_t rule, std::uint32_t order = 1) {
        ASSERT_TRUE((map<weft_dns_row_key, weft_dns_row>(WEFT_MAP_DNS_ROWS)
                         .update({kList, class_id}, {rule, WEFT_VERDICT_ALLOW, order, 0})));
    }

    const std::string& of(const World::Pod& pod) const { return v6 ? pod.v6 : pod.v4; }
    PacketSpec datagram(const World::Pod& pod, std::uint16_t port = kPort) const {
        return {.source = of(pod),
                .destination = of(resolver),
                .protocol = kUdp,
                .source_port = port,
                .destination_port = 53};
    }
    Out ask(const World::Pod& pod, const DnsMessage& question, std::uint16_t port = kPort) {
        PacketSpec spec = datagram(pod, port);
        spec.payload = question.bytes();
        return world.run(WEFT_PROG_FROM_POD, pod.ifindex, build(spec));
    }
    Out reply(const World::Pod& pod, const std::string& bytes, std::uint16_t port = kPort) {
        PacketSpec spec = answer(datagram(pod, port));
        spec.payload = bytes;
        return world.run(WEFT_PROG_FROM_POD, resolver.ifindex, build(spec));
    }
    DnsMessage question(const std::string& name = "www.example.com") const {
        return {.name = dns_name(name), .type = v6 ? kTypeAaaa : kTypeA};
    }
    // Asks and is answered.
    void resolve(const World::Pod& pod, const std::string& name, const std::vector<std::string>& addresses,
                 std::uint32_t ttl = 300) {
        ASSERT_EQ(ask(pod, question(name)).verdict, kRedirect);
        ASSERT_EQ(reply(pod, dns_answer(question(name), addresses, ttl).bytes()).verdict, kRedirect);
    }
    int connect(const World::Pod& pod, const std::string& to, std::uint16_t port = 443) {
        static std::uint16_t source = 1024;
        const PacketSpec spec{
            .source = of(pod), .destination = to, .source_port = ++source, .destination_port = port, .tcp_flags = kSyn};
        return world.run(WEFT_PROG_FROM_POD, pod.ifindex, build(spec)).verdict;
    }
    bool opens(const std::string& to) { return connect(a, to) == kRedirect; }
    // An answer to `question` that is delivered and enters nothing.
    void expect_nothing(const DnsMessage& asked, const std::string& bytes, weft_dns_count why) {
        const auto before = world.dns_count(why);
        ASSERT_EQ(ask(a, asked).verdict, kRedirect);
        EXPECT_EQ(reply(a, bytes).verdict, kRedirect);
        EXPECT_EQ(world.dns_count(why), before + 1);
        EXPECT_EQ(world.dns_count(WEFT_DNS_ADDRESSES), 0U);
        EXPECT_FALSE(opens(address));
    }
};

}  // namespace weft::test
