// Every row of drop_reason.def has a packet here that is dropped for it, counted under it and told with it.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

class DropReasons : public testing::Test {
  protected:
    World world{"drop-reasons"};
    World::Pod a = world.add_pod(1), b = world.add_pod(2);
    std::uint32_t uplink = world.add_uplink();

    PacketSpec spec(const std::string& destination = "10.1.0.2", std::uint8_t protocol = kUdp) const {
        return {.source = a.v4, .destination = destination, .protocol = protocol};
    }
    Bytes packet(const std::string& destination = "10.1.0.2", std::uint8_t protocol = kUdp) const {
        return build(spec(destination, protocol));
    }
    Out send(const Bytes& frame) { return world.run(WEFT_PROG_FROM_POD, a.ifindex, frame); }

    using Drop = std::function<Out()>;
    std::map<int, Drop> drops();
};

Bytes cut(Bytes frame, std::size_t size) {
    frame.resize(size);
    return frame;
}

std::map<int, DropReasons::Drop> DropReasons::drops() {
    const auto with_egress = [this](World::Rows rows) {
        world.set_policies(a, world.add_policy({{0, std::move(rows)}}), 0);
        world.raise_generation();
        Out out = send(packet());
        world.set_policies(a, 0, 0);
        world.raise_generation();
        return out;
    };
    const auto with_ports = [this](std::uint16_t first, std::uint16_t last) {
        weft_control control = world.control();
        control.masquerade_port_first = first;
        control.masquerade_port_last = last;
        world.set_control(control);
    };
    return {
        {WEFT_DROP_POLICY_DENIED, [=] { return with_egress(World::deny_all(9)); }},
        {WEFT_DROP_POLICY_DENY,
         [=] {
             return with_egress({{0, WEFT_PORT_NUMBER_MAX, 9, WEFT_VERDICT_DENY}});
         }},
        {WEFT_DROP_INVALID_SOURCE_IP,
         [this] { return send(build({.source = "10.1.0.99", .destination = b.v4, .protocol = kUdp})); }},
        {WEFT_DROP_INVALID_PACKET, [this] { return send(cut(packet(), 36)); }},
        {WEFT_DROP_UNSUPPORTED_L3,
         [this] {
             Bytes frame = packet();
             frame[12] = 0x88;
             frame[13] = 0xcc;
             return send(frame);
         }},
        {WEFT_DROP_INVALID_EXTENSION_HEADER,
         [this] {
             PacketSpec six{.source = a.v6, .destination = b.v6, .protocol = kUdp};
             six.extension_headers = 7;
             return send(build(six));
         }},
        {WEFT_DROP_FRAGMENT_UNKNOWN,
         [this] {
             PacketSpec later = spec();
             later.fragment = 4;
             return send(build(later));
         }},
        {WEFT_DROP_TTL_EXCEEDED,
         [this] {
             PacketSpec last = spec();
             last.ttl = 1;
             return send(build(last));
         }},
        {WEFT_DROP_UNKNOWN_DESTINATION,
         [this] {
             world.set_cidr(
                 "10.1.0.0/24",
                 {.identity = WEFT_IDENTITY_WORLD, .class_id = 1, .endpoint = 0, .flags = WEFT_ADDR_POD_RANGE});
             return send(packet("10.1.0.77"));
         }},
        {WEFT_DROP_FLOW_TABLE_FULL,
         [this] {
             // As if every slot were being written by another CPU at this instant.
             const auto half = datapath::Map<std::uint32_t, weft_flow4>::open(world.pins(), WEFT_MAP_HALF4).value();
             weft_flow4 busy{};
             busy.sequence = 1;
             for (std::uint32_t i = 0; i < 1024; ++i) EXPECT_TRUE(half.update(i, busy));
             PacketSpec other = spec();
             other.destination_port = 4242;
             Out out = send(build(other));
             busy.sequence = 2;
             for (std::uint32_t i = 0; i < 1024; ++i) EXPECT_TRUE(half.update(i, busy));
             return out;
         }},
        {WEFT_DROP_NO_MASQUERADE_PORT,
         [=, this] {
             with_ports(20000, 20000);
             PacketSpec other = spec("198.51.100.8");
             EXPECT_EQ(send(build(other)).verdict, kRedirect);
             other.source_port = 555;
             Out out = send(build(other));
             with_ports(10240, 29999);
             return out;
         }},
        {WEFT_DROP_MASQUERADE_PROTOCOL,
         [this] {
             PacketSpec gre = spec("198.51.100.9", 47);
             gre.body = Bytes(16, 1);
             EXPECT_EQ(send(build(gre)).verdict, kRedirect) << "the first may have the address to itself";
             gre.source = b.v4;
             return world.run(WEFT_PROG_FROM_POD, b.ifindex, build(gre));
         }},
        {WEFT_DROP_WRITE_FAILED,
         [this] {
             // TCP flags are there, the checksum behind them is not.
             Bytes frame = cut(build(spec("198.51.100.10", kTcp)), 14 + 20 + 15);
             frame[16] = 0;
             frame[17] = 35;
             return send(frame);
         }},
        {WEFT_DROP_UNRELATED_ICMP_ERROR,
         [this] {
             const Bytes never = build(
                 {.source = b.v4, .destination = a.v4, .protocol = kUdp, .source_port = 3, .destination_port = 4});
             return send(build_icmp_error(a.v4, b.v4, 3, 3, never));
         }},
        {WEFT_DROP_NO_POLICY_TABLE,
         [this] {
             world.set_policies(a, 60000, 0);
             world.raise_generation();
             Out out = send(packet());
             world.set_policies(a, 0, 0);
             world.raise_generation();
             return out;
         }},
        {WEFT_DROP_LINK_LOCAL,
         [this] {
             PacketSpec solicitation{
                 .source = a.v6, .destination = b.v6, .protocol = kIcmp6, .destination_port = 135 << 8};
             return send(build(solicitation));
         }},
    };
}

// The packet becomes the error that tells its sender.
constexpr int verdict_of(int reason) {
    return reason == WEFT_DROP_TTL_EXCEEDED ? kRedirect : kShot;
}

TEST_F(DropReasons, EveryReasonOfTheListHasItsPacket) {
    const auto all = drops();
#define WEFT_DROP_REASON(code, name, text, hubble, number)                          \
    {                                                                               \
        SCOPED_TRACE(#name);                                                        \
        ASSERT_TRUE(all.contains(WEFT_DROP_##name)) << "no packet for this reason"; \
        world.events();                                                             \
        const auto before = world.metric(WEFT_DROP_##name, WEFT_HOOK_FROM_POD);     \
        EXPECT_EQ(all.at(WEFT_DROP_##name)().verdict, verdict_of(code));            \
        EXPECT_EQ(world.metric(WEFT_DROP_##name, WEFT_HOOK_FROM_POD), before + 1);  \
        const auto events = world.events();                                         \
        ASSERT_FALSE(events.empty());                                               \
        EXPECT_EQ(events.back().header.type, WEFT_EVENT_DROP);                      \
        EXPECT_EQ(events.back().reason, WEFT_DROP_##name);                          \
    }
#include "datapath/abi/drop_reason.def"
#undef WEFT_DROP_REASON
    EXPECT_EQ(all.size(), std::size_t{WEFT_DROP_REASON_COUNT - 1}) << "a packet for a reason that is not in the list";
}

}  // namespace
}  // namespace weft::test
