// What a pod sends to its own link: dropped and counted; what its network stack sends by itself is not told.
#include <gtest/gtest.h>

#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

constexpr std::uint8_t kIgmp = 2;

class LinkLocal : public testing::Test {
  protected:
    World world{"link-local"};
    World::Pod a = world.add_pod(1), b = world.add_pod(2);

    // How many events the drop of this packet sends.
    std::size_t events_of(const PacketSpec& spec) {
        SCOPED_TRACE(spec.destination);
        const auto before = world.metric(WEFT_DROP_LINK_LOCAL, WEFT_HOOK_FROM_POD);
        EXPECT_EQ(world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec)).verdict, kShot);
        EXPECT_EQ(world.metric(WEFT_DROP_LINK_LOCAL, WEFT_HOOK_FROM_POD), before + 1);
        const auto events = world.events();
        for (const auto& event : events) EXPECT_EQ(event.reason, WEFT_DROP_LINK_LOCAL);
        return events.size();
    }
    static PacketSpec discovery(const std::string& source, const std::string& destination, int type, int extensions) {
        PacketSpec spec{.source = source, .destination = destination, .protocol = kIcmp6};
        spec.destination_port = static_cast<std::uint16_t>(type << 8);
        spec.extension_headers = extensions;
        spec.ttl = extensions ? 1 : 255;
        return spec;
    }
    PacketSpec igmp(const std::string& destination) const {
        PacketSpec spec{.source = a.v4, .destination = destination, .protocol = kIgmp, .ttl = 1};
        spec.body = {0x22, 0, 0, 0, 0, 0, 0, 1};
        return spec;
    }
};

TEST_F(LinkLocal, WhatEveryStackSendsIsCountedAndNotTold) {
    for (const char* source : {"::", "fe80::1"}) {
        EXPECT_EQ(events_of(discovery(source, "ff02::16", 143, 1)), 0U) << "MLDv2 report";
        EXPECT_EQ(events_of(discovery(source, "ff0e::1:3", 131, 1)), 0U) << "MLDv1 report, to the group itself";
        EXPECT_EQ(events_of(discovery(source, "ff02::2", 132, 1)), 0U) << "MLDv1 done";
        EXPECT_EQ(events_of(discovery(source, "ff02::2", 133, 0)), 0U) << "router solicitation";
        EXPECT_EQ(events_of(discovery(source, "ff02::1:ff00:1", 135, 0)), 0U) << "duplicate address detection";
        EXPECT_EQ(events_of(discovery(source, "ff02::1", 136, 0)), 0U) << "unsolicited advertisement";
    }
    for (const char* group : {"224.0.0.22", "224.0.0.2", "239.1.2.3"}) EXPECT_EQ(events_of(igmp(group)), 0U);
}

TEST_F(LinkLocal, WhatSomebodySentIsTold) {
    EXPECT_EQ(events_of(discovery(a.v6, b.v6, 135, 0)), 1U) << "asks another pod's address for itself";
    EXPECT_EQ(events_of(igmp(b.v4)), 1U);
    const std::pair<std::string, std::string> both[] = {{a.v4, "224.0.0.251"},
                                                        {a.v4, "255.255.255.255"},
                                                        {a.v6, "ff02::fb"},
                                                        {"fe80::1", "ff02::fb"},
                                                        {a.v6, "ff01::1"}};
    for (const auto& [source, destination] : both) {
        EXPECT_EQ(events_of({.source = source, .destination = destination, .protocol = kUdp}), 1U);
    }
}

TEST_F(LinkLocal, OtherGroupsGoOn) {
    const PacketSpec spec{.source = a.v4, .destination = "239.1.2.3", .protocol = kUdp};
    world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec));
    EXPECT_EQ(world.metric(WEFT_DROP_LINK_LOCAL, WEFT_HOOK_FROM_POD), 0U);
}

}  // namespace
}  // namespace weft::test
