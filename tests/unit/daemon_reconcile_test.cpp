#include <thread>

#include "tests/unit/daemon_fixture.hpp"

namespace weft {
namespace {

using test::deny_all;
using test::objects_of;
using test::pod;

struct DaemonReconcile : testing::Test {
    test::Folder folder;
    test::FakeKernel kernel;
    std::unique_ptr<test::Parts> parts = std::make_unique<test::Parts>(folder.path(), kernel);

    // The daemon dies and starts again: nothing of it is left but the folder and the kernel.
    void restart() {
        parts.reset();
        parts = std::make_unique<test::Parts>(folder.path(), kernel);
        ASSERT_TRUE(parts->restored) << parts->restored.error().text();
    }
};

TEST_F(DaemonReconcile, AddIsEnforcedAndRemembered) {
    const auto added = parts->registry.add(pod("c1", "web", {{"app", "web"}}));
    ASSERT_TRUE(added) << added.error().text();
    EXPECT_EQ(added->id, 1U);
    ASSERT_EQ(added->ips.size(), 2U);
    EXPECT_EQ(added->ips[0].text(), "10.244.0.2");
    ASSERT_EQ(kernel.endpoints.size(), 1U);
    const auto& row = kernel.image.addresses.at(added->ips[0]);
    EXPECT_EQ(row.endpoint, 1U);
    EXPECT_EQ(row.identity, kernel.endpoints[0].identity);
    EXPECT_GE(row.identity, 256U);
    const auto before = kernel.image;
    restart();
    EXPECT_TRUE(kernel.image == before) << "after a restart everything is as before";
    EXPECT_EQ(parts->registry.add(pod("c2")).value().ips[0].text(), "10.244.0.3");
}

TEST_F(DaemonReconcile, RepeatedAddIsRefusedAndDeleteIsIdempotent) {
    ASSERT_TRUE(parts->registry.add(pod("c1")));
    EXPECT_EQ(parts->registry.add(pod("c1")).error().code, ErrorCode::kExists);
    EXPECT_EQ(parts->registry.remove({"c1", "eth0"}).value(), true);
    EXPECT_EQ(parts->registry.remove({"c1", "eth0"}).value(), false);
    EXPECT_TRUE(kernel.endpoints.empty());
    EXPECT_EQ(parts->registry.add(pod("c2")).value().ips[0].text(), "10.244.0.3") << "10.244.0.2 cools down";
    restart();
    EXPECT_EQ(parts->registry.add(pod("c3")).value().ips[0].text(), "10.244.0.4");
}

// A number that was freed a moment ago would make the kernel's side wait for packets that still know it.
TEST_F(DaemonReconcile, FreedNumbersAreGivenAgainLast) {
    EXPECT_EQ(parts->registry.add(pod("c1"))->id, 1U);
    EXPECT_EQ(parts->registry.add(pod("c2"))->id, 2U);
    ASSERT_TRUE(parts->registry.remove({"c1", "eth0"}));
    EXPECT_EQ(parts->registry.add(pod("c3"))->id, 3U);
    std::map<std::uint32_t, reconcile::EndpointPtr> all;
    for (std::uint32_t id = 1; id < WEFT_MAX_ENDPOINTS; ++id) all[id] = nullptr;
    EXPECT_EQ(endpoint::free_number(all, 7).error().code, ErrorCode::kExhausted);
    all.erase(5);
    EXPECT_EQ(endpoint::free_number(all, WEFT_MAX_ENDPOINTS - 1).value(), 5U) << "around the end";
}

TEST_F(DaemonReconcile, WhatTheKernelRefusesLeavesNothing) {
    ASSERT_TRUE(parts->registry.add(pod("c1")));
    const auto image = kernel.image;
    kernel.refuse = 1;
    EXPECT_EQ(parts->registry.add(pod("c2")).error().code, ErrorCode::kSystem);
    kernel.refuse = 1;
    EXPECT_FALSE(parts->registry.remove({"c1", "eth0"}));
    kernel.refuse = 1;
    EXPECT_FALSE(parts->objects.apply(objects_of(deny_all("p")), "api"));
    EXPECT_TRUE(kernel.image == image);
    EXPECT_EQ(parts->store.endpoints().value().size(), 1U);
    EXPECT_EQ(parts->store.addresses().value().size(), 2U);
    EXPECT_TRUE(parts->store.objects().value().empty());
    const auto next = parts->registry.add(pod("c2")).value();
    EXPECT_EQ(next.id, 3U);
    EXPECT_EQ(parts->registry.list().size(), 2U);
    EXPECT_EQ(parts->ipam.status(ipam::boot_seconds())[0]["used"], 2);
}

TEST_F(DaemonReconcile, ManyAddsAtOnceGetDifferentAddresses) {
    std::vector<std::thread> threads;
    std::vector<endpoint::Endpoint> added(100);
    for (std::size_t i = 0; i < added.size(); ++i)
        threads.emplace_back([&, i] {
            if (auto one = parts->registry.add(pod(fmt::format("c{}", i)))) added[i] = *one;
        });
    for (auto& thread : threads) thread.join();
    std::set<IpAddr> ips;
    std::set<std::uint32_t> ids;
    for (const auto& one : added) {
        ids.insert(one.id);
        ips.insert(one.ips.begin(), one.ips.end());
    }
    EXPECT_EQ(ids.size(), 100U);
    EXPECT_FALSE(ids.contains(0));
    EXPECT_EQ(ips.size(), 200U);
    EXPECT_EQ(kernel.endpoints.size(), 100U);
}

TEST_F(DaemonReconcile, OneThatDoesNotFitDoesNotFailItsNeighbours) {
    kernel.max_endpoints = 10;
    std::atomic<int> good = 0, refused = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 20; ++i)
        threads.emplace_back([&, i] {
            const auto one = parts->registry.add(pod(fmt::format("c{}", i)));
            if (one)
                ++good;
            else if (one.error().code == ErrorCode::kExhausted)
                ++refused;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 10);
    EXPECT_EQ(refused, 10);
    EXPECT_EQ(kernel.endpoints.size(), 10U);
    EXPECT_EQ(parts->store.endpoints().value().size(), 10U);
}

TEST_F(DaemonReconcile, GcRemovesOnlyWhatIsNotListed) {
    auto other = pod("c3");
    other.network = "other";
    ASSERT_TRUE(parts->registry.add(pod("c1")));
    ASSERT_TRUE(parts->registry.add(pod("c2")));
    ASSERT_TRUE(parts->registry.add(other));
    const auto removed = parts->registry.gc("weft", {{"c1", "eth0"}, {"unknown", "eth0"}}).value();
    ASSERT_EQ(removed.size(), 1U);
    EXPECT_EQ(removed[0].attachment.container_id, "c2");
    EXPECT_EQ(parts->registry.list().size(), 2U);
}

TEST_F(DaemonReconcile, LabelsComeFromTheRequestElseFromThePodObject) {
    const auto app = [&](std::uint32_t id) {
        std::string out;
        parts->reconciler.read([&](const reconcile::View& view) {
            const auto& labels = view.state.labels(*view.state.endpoints().at(id));
            if (const auto at = labels.find("app"); at != labels.end()) out = at->second;
        });
        return out;
    };
    const std::string object =
        R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","labels":{"app":"from-object"}},"status":{"podIPs":[{"ip":"10.244.0.77"}]}})";
    ASSERT_TRUE(parts->objects.apply(objects_of(object), "api"));
    EXPECT_TRUE(kernel.image.addresses.contains(IpAddr::parse("10.244.0.77").value())) << "a pod of elsewhere";
    const auto one = parts->registry.add(pod("c1", "web")).value();
    EXPECT_EQ(app(1), "from-object");
    EXPECT_FALSE(kernel.image.addresses.contains(IpAddr::parse("10.244.0.77").value()))
        << "the local endpoint stands for it now";
    ASSERT_TRUE(parts->registry.add(pod("c2", "web", {{"app", "own"}})));
    EXPECT_EQ(app(2), "own");
    ASSERT_TRUE(parts->registry.set_labels(1, {{"app", "patched"}}));
    EXPECT_EQ(app(1), "patched");
    EXPECT_EQ(parts->registry.set_labels(9, {}).error().code, ErrorCode::kNotFound);
    restart();
    EXPECT_EQ(app(1), "patched");
    ASSERT_TRUE(parts->registry.remove({"c1", "eth0"}));
    ASSERT_TRUE(parts->registry.remove({"c2", "eth0"}));
    EXPECT_TRUE(kernel.image.addresses.contains(IpAddr::parse("10.244.0.77").value()));
}

TEST_F(DaemonReconcile, ObjectsBelongToOneSource) {
    auto applied = parts->objects.apply(objects_of(deny_all("p")), "api");
    ASSERT_TRUE(applied) << applied.error().text();
    EXPECT_EQ(applied->objects[0].action, "created");
    EXPECT_EQ(parts->objects.apply(objects_of(deny_all("p")), "api")->objects[0].action, "unchanged");
    EXPECT_EQ(parts->objects.replace(objects_of(deny_all("p")), "file:a.json").error().code, ErrorCode::kExists);
    EXPECT_EQ(parts->objects.erase({"NetworkPolicy", "default", "p"}, "file:a.json").error().code, ErrorCode::kInvalid);
    EXPECT_EQ(parts->objects.erase({"NetworkPolicy", "default", "q"}, "api").error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(parts->objects.replace(objects_of(deny_all("q")), "file:a.json"));
    ASSERT_TRUE(parts->objects.replace(objects_of(deny_all("r")), "file:a.json")) << "q is gone from the file";
    restart();
    std::map<std::string, std::string> sources;
    parts->reconciler.read([&](const reconcile::View& view) {
        for (const auto& [name, source] : view.state.sources()) sources[name.name] = source;
    });
    EXPECT_EQ(sources, (std::map<std::string, std::string>{{"p", "api"}, {"r", "file:a.json"}}));
}

TEST_F(DaemonReconcile, ValidateChangesNothing) {
    ASSERT_TRUE(parts->registry.add(pod("c1")));
    const auto image = kernel.image;
    const auto applies = kernel.applies;
    EXPECT_TRUE(parts->objects.validate(objects_of(deny_all("p"))));
    EXPECT_EQ(kernel.applies, applies);
    EXPECT_TRUE(parts->store.objects().value().empty());
    ASSERT_TRUE(parts->registry.add(pod("c2")));
    EXPECT_TRUE(kernel.image.policies.empty());
}

TEST_F(DaemonReconcile, MetadataIsASnapshotThenTheChanges) {
    ASSERT_TRUE(parts->registry.add(pod("c1", "web", {{"app", "web"}})));
    std::shared_ptr<reconcile::Subscription> lines;
    parts->reconciler.read(
        [&](const reconcile::View& view) { lines = parts->feed.subscribe(view.state, view.image).value(); });
    const auto drain = [&] {
        std::vector<std::string> out;
        std::string line;
        while (lines->next(line, std::chrono::milliseconds(0)) == reconcile::Subscription::Wait::kLine) {
            const Json json = Json::parse(line);
            out.push_back(json["type"].get<std::string>() +
                          (json.contains("op") ? "/" + json["op"].get<std::string>() : ""));
        }
        return out;
    };
    const auto snapshot = drain();
    EXPECT_EQ(snapshot.front(), "node");
    EXPECT_EQ(snapshot.back(), "synced");
    EXPECT_EQ(std::ranges::count(snapshot, "identity/add"), 6) << "the reserved ones and the pod's";
    EXPECT_EQ(std::ranges::count(snapshot, "endpoint/add"), 1);
    kernel.before_apply = [&] { EXPECT_EQ(drain(), (std::vector<std::string>{"rule/add"})) << "before it can drop"; };
    ASSERT_TRUE(parts->objects.apply(objects_of(deny_all("p")), "api"));
    kernel.before_apply = nullptr;
    EXPECT_TRUE(drain().empty());
    kernel.refuse = 1;
    EXPECT_FALSE(parts->objects.apply(objects_of(deny_all("q")), "api"));
    EXPECT_EQ(drain(), (std::vector<std::string>{"rule/add", "rule/delete"}));
    ASSERT_TRUE(parts->registry.set_labels(1, {{"app", "other"}}));
    EXPECT_EQ(drain(), (std::vector<std::string>{"identity/add", "identity/delete", "endpoint/add"}));
    ASSERT_TRUE(parts->registry.remove({"c1", "eth0"}));
    const auto last = drain();
    EXPECT_EQ(std::ranges::count(last, "endpoint/delete"), 1);
}

TEST(DaemonMetadata, SlowClientIsCutOffAlone) {
    const test::Folder folder;
    test::FakeKernel kernel;
    test::Parts parts(folder.path(), kernel);
    reconcile::Feed feed("node", 2);
    std::shared_ptr<reconcile::Subscription> slow;
    parts.reconciler.read([&](const reconcile::View& view) { slow = feed.subscribe(view.state, view.image).value(); });
    policy::ImageEditor image;
    for (std::uint32_t i = 256; i < 270; ++i) image.set_identity(i, policy::IdentityLabels{});
    parts.reconciler.read([&](const reconcile::View&) { feed.announce(image.image(), image.delta()); });
    std::string line;
    EXPECT_EQ(slow->next(line, std::chrono::milliseconds(0)), reconcile::Subscription::Wait::kClosed);
    EXPECT_EQ(feed.cut_off(), 1U);
}

TEST_F(DaemonReconcile, WhatVanishesWithoutADeleteIsFreedAtTheSecondLook) {
    auto gone = pod("c1");
    gone.netns = "/no/such/namespace";
    auto device = pod("c2");
    device.netns = "/no/such/namespace";
    device.host_ifname = "lo";  // a device that exists
    ASSERT_TRUE(parts->registry.add(gone));
    ASSERT_TRUE(parts->registry.add(device));
    ASSERT_TRUE(parts->registry.add(pod("c3")));
    EXPECT_EQ(parts->registry.remove_vanished().value().size(), 0U) << "its ADD may be under way";
    ASSERT_TRUE(parts->registry.remove(gone.attachment));
    ASSERT_TRUE(parts->registry.add(gone));
    EXPECT_EQ(parts->registry.list().size(), 3U);
    const auto removed = parts->registry.remove_vanished().value();
    ASSERT_EQ(removed.size(), 1U);
    EXPECT_EQ(removed[0].attachment.container_id, "c1");
    EXPECT_EQ(parts->registry.list().size(), 2U);
    EXPECT_EQ(kernel.endpoints.size(), 2U);
    EXPECT_EQ(parts->registry.remove_vanished().value().size(), 0U);
}

TEST_F(DaemonReconcile, EndpointIsFreedOnlyWithProof) {
    auto gone = pod("c1");
    gone.netns = "/no/such/namespace";
    auto reused = pod("c2");
    reused.netns_inode = 1;  // another namespace stands at the path now
    ASSERT_TRUE(parts->registry.add(gone));
    ASSERT_TRUE(parts->registry.add(reused));
    ASSERT_TRUE(parts->registry.add(pod("c3")));
    auto device = pod("c4");
    device.netns = "/no/such/namespace";
    device.host_ifname = "lo";  // a device that exists
    ASSERT_TRUE(parts->registry.add(device));
    restart();
    std::vector<std::string> left;
    for (const auto& one : parts->registry.list()) left.push_back(one->attachment.container_id);
    EXPECT_EQ(left, (std::vector<std::string>{"c3", "c4"}));
    EXPECT_EQ(kernel.endpoints.size(), 2U);
}

}  // namespace
}  // namespace weft
