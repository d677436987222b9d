// What a change costs, counted in work and not in time. That its result is right is policy_oracle's.
#include <gtest/gtest.h>

#include "policy/compile.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

constexpr int kNamespaces = 40, kPodsEach = 25;

Pod pod_of(const std::string& in, const std::string& name, int number, Labels labels) {
    Pod out;
    out.namespace_ = in;
    out.name = name;
    out.labels = std::move(labels);
    out.addresses = {ip("10.1.0.0").plus(static_cast<std::uint64_t>(number))};
    return out;
}

struct Incremental : testing::Test {
    World world;
    MemoryNumbers numbers;
    Compiler compiler{numbers};

    // 1,000 pods of as many label sets, a policy for each app of each namespace, two pods of this node.
    void SetUp() override {
        int number = 1;
        for (int n = 0; n < kNamespaces; ++n) {
            const auto in = fmt::format("ns-{}", n);
            for (int i = 0; i < kPodsEach; ++i, ++number)
                world.put(pod_of(in, fmt::format("pod-{}", i), number,
                                 {{"app", fmt::format("app-{}", i % 5)}, {"hash", std::to_string(i)}}));
            for (int i = 0; i < 5; ++i)
                world.put(network_policy(
                    in, fmt::format("p{}", i),
                    fmt::format(
                        R"({{"podSelector":{{"matchLabels":{{"app":"app-{}"}}}},"ingress":[{{"from":[{{"podSelector":{{"matchLabels":{{"app":"app-{}"}}}}}}]}}]}})",
                        i, (i + 1) % 5)));
        }
        local("ns-0", "local-0", 1, {{"app", "app-0"}, {"hash", "0"}});
        local("ns-1", "local-1", 2, {{"app", "app-1"}, {"hash", "1"}});
        ASSERT_TRUE(compiler.update(world, {.everything = true}));
    }
    void local(const std::string& in, const std::string& name, std::uint32_t endpoint, Labels labels) {
        Pod pod = pod_of(in, name, 5000 + static_cast<int>(endpoint), std::move(labels));
        pod.endpoint = endpoint;
        world.put(std::move(pod));
    }
    Compiler::Work work_of(const WorldChanges& changes) {
        const auto before = compiler.work();
        const auto done = compiler.update(world, changes);
        EXPECT_TRUE(done) << done.error().text();
        const auto after = compiler.work();
        return {after.evaluations - before.evaluations, after.tables_built - before.tables_built,
                after.rows_decided - before.rows_decided};
    }
};

TEST_F(Incremental, APodWithKnownLabelsEvaluatesNoPolicy) {
    world.put(pod_of("ns-7", "replica", 3000, {{"app", "app-3"}, {"hash", "3"}}));
    auto work = work_of({.pods = {"ns-7/replica"}});
    EXPECT_EQ(work.evaluations, 0U);
    EXPECT_EQ(work.tables_built, 0U);
    EXPECT_EQ(work.rows_decided, 0U);
    EXPECT_EQ(compiler.delta().addresses.size(), 1U);
    EXPECT_TRUE(compiler.delta().policies.empty());
    // And one of this node, of labels that another of its pods has.
    local("ns-0", "local-2", 3, {{"app", "app-0"}, {"hash", "0"}});
    work = work_of({.pods = {"ns-0/local-2"}});
    EXPECT_EQ(work.evaluations, 0U);
    EXPECT_EQ(work.tables_built, 0U);
    EXPECT_EQ(work.rows_decided, 0U);
    EXPECT_EQ(compiler.image().endpoints.at(3), compiler.image().endpoints.at(1));
}

TEST_F(Incremental, ALabelThatNoPolicyReadsChangesNoTable) {
    world.put(pod_of("ns-0", "pod-1", 2, {{"app", "app-1"}, {"hash", "another"}}));
    const auto work = work_of({.pods = {"ns-0/pod-1"}});
    EXPECT_EQ(work.evaluations, 1U) << "the new label set, once";
    EXPECT_EQ(work.tables_built + work.rows_decided, 0U);
    EXPECT_EQ(compiler.delta().addresses.size(), 1U);
}

TEST_F(Incremental, APolicyCostsWhatItSelects) {
    world.put(network_policy("ns-20", "elsewhere", R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{}}]}]})"));
    auto work = work_of({.policies = {{"NetworkPolicy", "ns-20", "elsewhere"}}});
    EXPECT_LE(work.evaluations, 2U) << "its subject, against the label sets of local pods";
    EXPECT_EQ(work.tables_built, 0U);
    EXPECT_TRUE(compiler.delta().addresses.empty());
    world.put(network_policy(
        "ns-0", "here", R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{"matchLabels":{"hash":"7"}}}]}]})"));
    work = work_of({.policies = {{"NetworkPolicy", "ns-0", "here"}}});
    EXPECT_LE(work.evaluations, 3U) << "and the one label set that its peer holds";
    EXPECT_EQ(work.tables_built, 1U);
    EXPECT_EQ(compiler.delta().addresses.size(), 1U);
}

// A change that cannot be compiled leaves nothing behind: the next is as if it had not been.
TEST_F(Incremental, AnErrorIsFollowedByAWholeCompile) {
    const auto before = compiler.image();
    const World good = world;
    world.put(pod_of("ns-3", "bad", 3000, {{"a=b", "c"}}));
    const auto refused = compiler.update(world, {.pods = {"ns-3/bad"}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
    ASSERT_TRUE(compiler.update(good, {.pods = {"ns-3/bad"}}));
    EXPECT_EQ(compiler.image(), before);
    EXPECT_TRUE(compiler.delta().whole);
}

}  // namespace
}  // namespace weft::policy::test
