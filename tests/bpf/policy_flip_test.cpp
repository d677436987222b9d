// A running system that is flipped between two policies thousands of times, under traffic: no packet sees half of a
// change. A marked packet is denied by both policies, each with the labels that go with it, and would be allowed by
// either with the labels of the other.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "daemon/maps/applier.hpp"
#include "policy/compile.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/bpf/world.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::test {
namespace {

constexpr int kFlips = 3000;

policy::Pod pod_of(const World::Pod& from, const std::string& name, const char* key) {
    policy::Pod out = policy::test::pod("default", name, from.v4, {{"app", name}, {"key", key}}, from.number);
    out.addresses.push_back(policy::test::ip(from.v6));
    return out;
}

policy::Policy only(const char* key) {
    return policy::test::network_policy(
        "default", "only",
        fmt::format(
            R"({{"podSelector":{{"matchLabels":{{"app":"server"}}}},"ingress":[{{"from":[{{"podSelector":{{"matchLabels":{{"key":"{}"}}}}}}]}}]}})",
            key));
}

struct Flipping {
    World world{"policy-flip"};
    World::Pod marked = world.add_pod(1), allowed = world.add_pod(2), server = world.add_pod(3);
    maps::Applier applier = maps::Applier::open(world.pins()).value();
    policy::MemoryNumbers numbers;
    policy::Compiler compiler{numbers};
    policy::World objects;

    Flipping() { objects.put(pod_of(server, "server", "none")); }

    // In one change: the policy asks for the key that the allowed pod gets, the marked one has the other.
    Result<maps::ApplyReport> flip(bool even) {
        objects.put(only(even ? "one" : "two"));
        objects.put(pod_of(marked, "marked", even ? "two" : "one"));
        objects.put(pod_of(allowed, "allowed", even ? "one" : "two"));
        policy::WorldChanges changes{.everything = compiler.image().endpoints.empty()};
        changes.pods = {"default/marked", "default/allowed"};
        changes.policies = {{"NetworkPolicy", "default", "only"}};
        WEFT_CHECK(compiler.update(objects, changes));
        std::vector<maps::LocalEndpoint> endpoints;
        for (const auto& pod : {marked, allowed, server})
            endpoints.push_back(
                {pod.number, pod.ifindex, pod.identity, {0x0a, 0, 0, 0, 0, static_cast<std::uint8_t>(pod.number)}});
        maps::NodeSettings settings;
        settings.drop_interval_ms = 0;
        return applier.apply(compiler.image(), endpoints, settings, &compiler.delta());
    }
};

PacketSpec to_server(const World::Pod& from, const World::Pod& to, bool v6, std::uint16_t port) {
    PacketSpec out{.source = v6 ? from.v6 : from.v4, .destination = v6 ? to.v6 : to.v4, .source_port = port};
    out.destination_port = 80;
    out.tcp_flags = kSyn;
    return out;
}

struct Seen {
    std::atomic<bool> stop = false;
    std::uint64_t packets = 0, marked_passed = 0, allowed_dropped = 0;
};

// New connections and packets of old ones, of both families, as fast as they go.
void send(Flipping& box, Seen& seen) {
    for (std::uint32_t i = 0; !seen.stop; ++i) {
        const bool v6 = i % 2 == 1;
        const auto port = static_cast<std::uint16_t>(i % 4 < 2 ? 1024 : 2000 + i % 60000);
        const auto run = [&](const World::Pod& from) {
            return box.world.run(WEFT_PROG_FROM_POD, from.ifindex, build(to_server(from, box.server, v6, port)))
                .verdict;
        };
        seen.marked_passed += run(box.marked) != kShot ? 1 : 0;
        seen.allowed_dropped += run(box.allowed) == kShot ? 1 : 0;
        seen.packets += 2;
    }
}

TEST(PolicyFlip, NoPacketSeesHalfOfAChange) {
    Flipping box;
    ASSERT_TRUE(box.flip(true));
    Seen seen;
    std::thread sender([&] { send(box, seen); });
    int flips = 0;
    Result<void> failed;
    for (int i = 1; i <= kFlips && failed; ++i) {
        const auto report = box.flip(i % 2 == 0);
        if (!report || report->unfinished) failed = fail(ErrorCode::kInternal, "flip {}", i);
        flips += report && report->flipped ? 1 : 0;
        if (i % 3 == 0) failed = box.applier.collect();
    }
    seen.stop = true;
    sender.join();
    ASSERT_TRUE(failed) << failed.error().text();
    EXPECT_EQ(flips, kFlips) << "every change changed a compiled policy";
    EXPECT_EQ(seen.marked_passed, 0U);
    EXPECT_EQ(seen.allowed_dropped, 0U);
    EXPECT_GT(seen.packets, static_cast<std::uint64_t>(kFlips));
    std::cout << flips << " flips, " << seen.packets << " packets\n";
}

// The test's own proof: with the labels of one policy and the other policy the marked packet would pass.
TEST(PolicyFlip, AHalfAppliedStateLetsTheMarkedPacketThrough) {
    Flipping box;
    ASSERT_TRUE(box.flip(true));
    box.objects.put(only("two"));
    ASSERT_TRUE(box.compiler.update(box.objects, {.policies = {{"NetworkPolicy", "default", "only"}}}));
    std::vector<maps::LocalEndpoint> endpoints;
    for (const auto& pod : {box.marked, box.allowed, box.server})
        endpoints.push_back(
            {pod.number, pod.ifindex, pod.identity, {0x0a, 0, 0, 0, 0, static_cast<std::uint8_t>(pod.number)}});
    ASSERT_TRUE(box.applier.apply(box.compiler.image(), endpoints, {}, &box.compiler.delta()));
    EXPECT_NE(
        box.world.run(WEFT_PROG_FROM_POD, box.marked.ifindex, build(to_server(box.marked, box.server, false, 999)))
            .verdict,
        kShot);
}

}  // namespace
}  // namespace weft::test
