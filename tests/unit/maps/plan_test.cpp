// Single cases of a transaction: what is written, and what is refused before anything is written.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "daemon/maps/applier.hpp"
#include "tests/unit/maps/model.hpp"
#include "tests/unit/maps/random_image.hpp"

namespace weft::maps::test {
namespace {

constexpr std::uint32_t kTcp80 = 6U << 16 | 80;

struct MapsPlan : testing::Test {
    MemoryKernel::Shared kernel;
    Applier applier = Applier::with(std::make_unique<MemoryKernel>(kernel), kernel.rows);

    // Two pods; pod 2 accepts TCP 80 from class 3 only.
    static policy::Image two_pods() {
        auto image = world();
        image.policies[1] = {policy::Direction::kIngress, deny_all(2), {{3, allow_port(kTcp80, 1, 2)}}};
        add_pod(image, "10.0.0.1", 1, 3, {0, 0});
        add_pod(image, "10.0.0.2", 2, 4, {0, 1});
        return image;
    }
    Result<ApplyReport> apply(const policy::Image& image) {
        kernel.writes.clear();
        return applier.apply(image, endpoints_of(image), {});
    }
    template <typename T>
    long count() const {
        return std::ranges::count_if(kernel.writes, [](const Write& w) { return std::holds_alternative<T>(w); });
    }
};

TEST_F(MapsPlan, PodWithKnownLabelsIsAFewRows) {
    auto image = two_pods();
    ASSERT_TRUE(apply(image));
    add_pod(image, "10.0.0.3", 3, 3, {0, 1});
    image.addresses[ip("fd00::3")] = image.addresses[ip("10.0.0.3")];
    const auto report = apply(image);
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->flipped);
    EXPECT_EQ(kernel.writes.size(), 4U);
    EXPECT_EQ(count<PutEndpoint>(), 1);
    EXPECT_EQ(count<PutAddress>(), 2);
    EXPECT_EQ(count<PutEpoch>(), 1);
    EXPECT_EQ(report->writes, 4U);
}

TEST_F(MapsPlan, PodWithNewLabelsAddsRowsToTheTablesInForce) {
    auto image = two_pods();
    ASSERT_TRUE(apply(image));
    image.policies[1].classes[5] = allow_all(1);
    add_pod(image, "10.0.0.3", 3, 5, {0, 0});
    const auto report = apply(image);
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->flipped);
    EXPECT_EQ(count<PutPolicyClass>(), 1);
    EXPECT_EQ(count<PutPolicy>(), 0);
    EXPECT_TRUE(judge(kernel.rows, {ip("10.0.0.3"), ip("10.0.0.2"), 1}).allowed);
}

TEST_F(MapsPlan, PodGoesInThreeWrites) {
    auto image = two_pods();
    ASSERT_TRUE(apply(image));
    image.addresses.erase(ip("10.0.0.1"));
    image.endpoints.erase(1);
    const auto generation = kernel.rows.control.generation;
    const auto report = apply(image);
    ASSERT_TRUE(report);
    EXPECT_EQ(kernel.writes.size(), 3U);
    EXPECT_TRUE(kernel.rows.endpoints.contains(2));
    EXPECT_FALSE(kernel.rows.endpoints.contains(1));
    EXPECT_NE(report->generation, generation);
}

TEST_F(MapsPlan, ChangedPolicyFlipsOnceAndIsWrittenUnderANewNumber) {
    auto image = two_pods();
    ASSERT_TRUE(apply(image));
    const auto old = kernel.rows.endpoints.at(2).policy[0][WEFT_INGRESS];
    image.policies[1].unnamed = allow_all(1);
    const auto report = apply(image);
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->flipped);
    EXPECT_EQ(report->epoch, 1U);
    EXPECT_EQ(count<PutEpoch>(), 1);
    EXPECT_EQ(count<PutAddress>(), 0);
    EXPECT_NE(kernel.rows.endpoints.at(2).policy[1][WEFT_INGRESS], old);
    EXPECT_EQ(kernel.rows.endpoints.at(2).policy[0][WEFT_INGRESS], old);
}

TEST_F(MapsPlan, ClassThatSplitsWithoutAnyPolicySayingSoCostsNoFlip) {
    auto image = two_pods();
    add_pod(image, "10.0.0.3", 3, 3, {0, 0});
    ASSERT_TRUE(apply(image));
    const auto generation = kernel.rows.control.generation;
    image.addresses[ip("10.0.0.3")].class_id = 7;
    image.policies[1].classes[7] = image.policies[1].classes[3];
    const auto report = apply(image);
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->flipped);
    EXPECT_EQ(count<PutPolicyClass>(), 1);
    EXPECT_EQ(count<PutAddress>(), 1);
    EXPECT_EQ(kernel.rows.control.generation, generation + 1) << "the programs remember classes for a generation";
}

TEST_F(MapsPlan, OtherNumbersForTheSameAreNoChange) {
    auto image = two_pods();
    ASSERT_TRUE(apply(image));
    image.policies[8] = image.policies[1];
    image.policies.erase(1);
    image.endpoints[2] = {0, 8};
    const auto report = apply(image);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->writes, 0U);
}

TEST_F(MapsPlan, SettingsAreOneWriteAndANewGeneration) {
    const auto image = two_pods();
    ASSERT_TRUE(apply(image));
    kernel.writes.clear();
    NodeSettings settings;
    settings.uplink_ifindex = 3;
    settings.masquerade4 = ip("192.0.2.1");
    settings.gateway4 = ip("10.244.0.1");
    settings.gateway6 = ip("fd00::1");
    const auto report = applier.apply(image, endpoints_of(image), settings);
    ASSERT_TRUE(report);
    EXPECT_EQ(kernel.writes.size(), 2U);
    EXPECT_EQ(kernel.rows.control.masquerade4, ip("192.0.2.1").v4());
    EXPECT_EQ(kernel.rows.control.uplink_ifindex, 3U);
    EXPECT_EQ(kernel.rows.control.gateway4, ip("10.244.0.1").v4());
    EXPECT_EQ(kernel.rows.control.gateway6.b[0], 0xfd);
    EXPECT_EQ(kernel.rows.control.gateway6.b[15], 1);
}

TEST_F(MapsPlan, GenerationIsNeverZero) {
    kernel.rows.control.generation = 0xffffffffU;
    applier = Applier::with(std::make_unique<MemoryKernel>(kernel), kernel.rows);
    const auto report = apply(two_pods());
    ASSERT_TRUE(report);
    EXPECT_EQ(report->generation, 1U);
}

TEST_F(MapsPlan, SecondFlipWaitsForPacketsOnTheirWay) {
    auto image = two_pods();
    ASSERT_TRUE(apply(image));
    ASSERT_TRUE(applier.collect());
    kernel.graces = 0;
    image.policies[1].unnamed = allow_all(1);
    ASSERT_TRUE(apply(image));
    EXPECT_EQ(kernel.graces, 0);
    image.policies[1].unnamed = deny_all(2);
    ASSERT_TRUE(apply(image));
    EXPECT_EQ(kernel.graces, 1);
}

// The grace period before a collect is waited for while others may write.
TEST_F(MapsPlan, CollectLeavesWhatWasWrittenDuringItsWait) {
    auto image = two_pods();
    ASSERT_TRUE(apply(image));
    ASSERT_TRUE(applier.collect());
    EXPECT_FALSE(applier.untidy());
    image.policies[1].unnamed = allow_all(1);
    ASSERT_TRUE(apply(image));
    const auto since = applier.untidy();
    ASSERT_TRUE(since);
    image.policies[1].unnamed = deny_all(2);
    ASSERT_TRUE(apply(image));
    const auto before = kernel.writes.size();
    ASSERT_TRUE(applier.collect(*since));
    EXPECT_EQ(kernel.writes.size(), before) << "freed what a packet may still read";
    ASSERT_TRUE(applier.collect(applier.untidy().value()));
    EXPECT_FALSE(applier.untidy());
}

struct MapsLimits : MapsPlan {
    void refused(const policy::Image& image, ErrorCode code) {
        const auto attempts = kernel.attempts;
        const auto report = apply(image);
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, code) << report.error().message;
        EXPECT_EQ(kernel.attempts, attempts) << "something was written";
    }
    void limit(Capacity capacity) {
        kernel.rows.capacity = capacity;
        applier = Applier::with(std::make_unique<MemoryKernel>(kernel), kernel.rows);
    }
};

TEST_F(MapsLimits, EachMapThatIsTooSmallIsNamedBeforeAnyWrite) {
    const Capacity roomy = kernel.rows.capacity;
    const auto image = two_pods();
    for (const auto& [field, name] : std::initializer_list<std::pair<std::uint32_t Capacity::*, const char*>>{
             {&Capacity::addr4, "addr4"},
             {&Capacity::cidr4, "cidr4"},
             {&Capacity::cidr6, "cidr6"},
             {&Capacity::policies, "policies"},
             {&Capacity::policy_classes, "policy_classes"},
             {&Capacity::port_rows, "port_rows"}}) {
        SCOPED_TRACE(name);
        auto capacity = roomy;
        capacity.*field = name == std::string_view("policies") ? 1 : name == std::string_view("port_rows") ? 3 : 0;
        limit(capacity);
        const auto report = apply(image);
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, ErrorCode::kExhausted);
        EXPECT_NE(report.error().message.find(name), std::string::npos) << report.error().message;
        EXPECT_EQ(kernel.attempts, 0U);
    }
}

// The same of a change to what is in force: the old policy stays, and a change that fits goes through.
TEST_F(MapsLimits, AChangeThatDoesNotFitIsRefusedWhole) {
    const Capacity roomy = kernel.rows.capacity;
    const auto image = two_pods();
    const auto next = [&](policy::ImageDelta& delta) {
        auto out = image;
        out.addresses[ip("10.1.0.9")] = {.identity = 300, .class_id = 3};
        delta.addresses[ip("10.1.0.9")] = std::nullopt;
        out.cidrs[cidr("192.168.0.0/16")] = {.identity = 2, .class_id = 9};
        delta.cidrs[cidr("192.168.0.0/16")] = std::nullopt;
        out.policies[2] = out.policies[1];
        out.policies[2].classes[4] = allow_port(kTcp80 + 1, 1, 2);
        out.policies.erase(1);
        out.endpoints[2] = {0, 2};
        delta.policies[2] = {1, {4}};
        delta.endpoints = {2};
        return out;
    };
    for (const auto& [field, name] : std::initializer_list<std::pair<std::uint32_t Capacity::*, const char*>>{
             {&Capacity::addr4, "addr4"},
             {&Capacity::cidr4, "cidr4"},
             {&Capacity::policies, "policies"},
             {&Capacity::policy_classes, "policy_classes"},
             {&Capacity::port_rows, "port_rows"}}) {
        SCOPED_TRACE(name);
        auto capacity = roomy;
        capacity.*field = 0;
        do {  // as much as the first image needs
            ++(capacity.*field);
            kernel = {};
            limit(capacity);
        } while (!apply(image));
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(applier.collect());
        const auto attempts = kernel.attempts;
        policy::ImageDelta delta;
        const auto wanted = next(delta);
        const auto refused = applier.apply(wanted, endpoints_of(wanted), {}, &delta);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
        EXPECT_NE(refused.error().message.find(name), std::string::npos) << refused.error().message;
        EXPECT_EQ(kernel.attempts, attempts);
        const policy::ImageDelta nothing;
        const auto same = applier.apply(image, endpoints_of(image), {}, &nothing);
        ASSERT_TRUE(same);
        EXPECT_EQ(same->writes, 0U);
    }
}

policy::SharedDnsNames dns_names(std::vector<std::string> patterns) {
    auto automaton = policy::build_dns_automaton(patterns);
    EXPECT_TRUE(automaton);
    const auto digest = policy::Digest::of(fmt::format("{}", fmt::join(patterns, " ")));
    return {std::make_shared<const policy::DnsNames>(std::move(patterns), std::move(*automaton), digest)};
}

// The applier forgets its index of port rows when most of it stands nowhere, and with it the numbers of lists of names:
// what tables in force name must go on to mean the same, under another automaton too.
TEST_F(MapsPlan, ListsOfNamesOutliveTheIndexOfPortRows) {
    kernel.rows.capacity.addr4 = 10000;
    applier = Applier::with(std::make_unique<MemoryKernel>(kernel), kernel.rows);
    auto image = two_pods();
    auto rows = deny_all(2);
    rows[0].names = 1;
    image.policies[2] = {policy::Direction::kEgress, rows, {}};
    image.endpoints[1] = {2, 0};
    image.name_lists[1] = {policy::NameChoice{.rule = 3, .patterns = {"a.example"}}};
    image.named_policies = {2};
    image.dns = dns_names({"a.example"});
    const auto small = image;
    image.policies[3] = {policy::Direction::kEgress, deny_all(4), {}};
    for (std::uint32_t i = 0; i < 4300; ++i) {  // sets of rows
        image.addresses[ip("10.1.0.0").plus(i)] = {.identity = 300, .class_id = 10 + i};
        image.policies[3].classes[10 + i] = allow_port(i + 1, 5, 4);
    }
    image.endpoints[2] = {3, 1};
    ASSERT_TRUE(apply(image));
    ASSERT_TRUE(apply(small));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(applier.collect());
    auto next = small;
    next.dns = dns_names({"a.example", "b.example"});
    const policy::ImageDelta delta;  // of tables nothing
    ASSERT_TRUE(applier.apply(next, endpoints_of(next), {}, &delta));
    const auto& state = kernel.rows;
    const auto run = state.policies.at(state.policy_in_force(state.endpoints.at(1), WEFT_EGRESS));
    const auto list = state.port_rows.at(run.start).verdict >> WEFT_ROW_NAMES_SHIFT;
    const auto class_id = next.dns.names->automaton.classify("a.example") << 1 | state.automaton_in_force();
    ASSERT_TRUE(state.name_rows.contains({list, class_id})) << "list " << list << " class " << class_id;
    EXPECT_EQ(state.name_rows.at({list, class_id}).rule, 3U);
}

// A delta is trusted as far as every class that it needs is known.
TEST_F(MapsPlan, AClassThatNobodyKnowsMeansLookingAtEverything) {
    auto image = two_pods();
    image.addresses[ip("10.1.0.9")] = {.identity = 300, .class_id = 3};
    ASSERT_TRUE(apply(image));
    auto next = image;
    next.addresses[ip("10.1.0.9")].class_id = 4;
    policy::ImageDelta delta;
    delta.addresses[ip("10.1.0.9")] = image.addresses[ip("10.1.0.9")];
    ClassMap classes;
    const std::map<std::uint32_t, std::uint32_t> policies = {{0, 0}};
    for (const bool known : {false, true}) {
        if (known)
            for (const auto number : {3U, 4U, 9U}) classes.set(number, number);
        PortSets sets(applier.state());
        const auto plan =
            make_plan(applier.state(), next, endpoints_of(next), {}, sets, Known{delta, classes, policies});
        ASSERT_TRUE(plan);
        EXPECT_EQ(plan->all_classes, !known);
    }
}

TEST_F(MapsLimits, RowsOfTheDeadMakeRoom) {
    auto capacity = kernel.rows.capacity;
    capacity.port_rows = 8;  // two sets of a policy take four rows
    limit(capacity);
    auto image = two_pods();
    ASSERT_TRUE(apply(image));
    image.policies[1] = {policy::Direction::kIngress, deny_all(5), {{3, allow_port(kTcp80, 4, 5)}}};
    ASSERT_TRUE(apply(image));
    image.policies[1] = {policy::Direction::kIngress, deny_all(7), {{3, allow_port(kTcp80, 6, 7)}}};
    const auto report = apply(image);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(judge(kernel.rows, {ip("10.0.0.1"), ip("10.0.0.2"), kTcp80}).ingress_rule, 6U);
}

TEST_F(MapsLimits, ImagesThatContradictThemselvesAreRefused) {
    auto image = two_pods();
    image.policies[1].unnamed[0].last = 5;
    refused(image, ErrorCode::kInternal);
    image = two_pods();
    image.policies[1].unnamed[0].first = 1;
    refused(image, ErrorCode::kInternal);
    image = two_pods();
    image.endpoints[2] = {0, 77};
    refused(image, ErrorCode::kInternal);
    image = two_pods();
    image.policies[1].classes[0] = allow_all(1);
    refused(image, ErrorCode::kInternal);
    image = two_pods();
    image.policies[1].unnamed[0].rule = WEFT_MAX_RULES;
    refused(image, ErrorCode::kExhausted);
    image = two_pods();
    auto endpoints = endpoints_of(image);
    image.endpoints.erase(2);
    EXPECT_EQ(applier.apply(image, endpoints, {}).error().code, ErrorCode::kInternal);
    image = two_pods();
    endpoints[0].number = WEFT_MAX_ENDPOINTS;
    EXPECT_EQ(applier.apply(image, endpoints, {}).error().code, ErrorCode::kExhausted);
    EXPECT_EQ(kernel.attempts, 0U);
}

TEST_F(MapsPlan, NewRulesCountFromZeroAndNoOthersDo) {
    auto image = two_pods();
    image.rules[1] = {policy::Direction::kIngress, false, {{"NetworkPolicy", "default", "a"}}, 0};
    image.new_rules = {1};
    ASSERT_TRUE(apply(image));
    EXPECT_EQ(count<ResetRule>(), 1);
    image.new_rules.clear();
    image.rules[1].index = 1;  // the same rule, at another place
    ASSERT_TRUE(apply(image));
    EXPECT_EQ(count<ResetRule>(), 0);
}

}  // namespace
}  // namespace weft::maps::test
