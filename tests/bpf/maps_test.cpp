// The applier against the kernel's own maps: what it believes is what is there, a restart writes nothing, decoding.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "daemon/maps/applier.hpp"
#include "daemon/maps/counters.hpp"
#include "daemon/maps/dump.hpp"
#include "daemon/maps/explain.hpp"
#include "daemon/maps/kernel_reader.hpp"
#include "daemon/maps/kernel_writer.hpp"
#include "datapath/abi/event.h"
#include "datapath/abi/flow.h"
#include "datapath/abi/names.h"
#include "datapath/loader/datapath.hpp"
#include "datapath/loader/grace_period.hpp"
#include "datapath/loader/map.hpp"
#include "tests/unit/maps/model.hpp"
#include "tests/unit/maps/random_image.hpp"

namespace weft::maps::test {
namespace {

constexpr std::uint32_t kTcp80 = 6U << 16 | 80;

// One load for all tests; each begins with an empty image.
struct MapsKernel : testing::Test {
    static inline datapath::Pins pins{"/sys/fs/bpf/wt-maps-kernel"};

    static void SetUpTestSuite() {
        if (geteuid() != 0) return;
        static_cast<void>(datapath::unload(pins));
        datapath::Sizes sizes{.flows4 = 1024,
                              .flows6 = 1024,
                              .half_open4 = 1024,
                              .half_open6 = 1024,
                              .ring_bytes = 65536,
                              .addresses = 512,
                              .cidrs = 128};
        const auto loaded = datapath::ensure_loaded(pins, sizes);
        ASSERT_TRUE(loaded) << loaded.error().message;
    }
    static void TearDownTestSuite() { static_cast<void>(datapath::unload(pins)); }

    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root: loads BPF programs";
        auto applier = open();
        ASSERT_TRUE(applier.apply(world(), {}, {}));
        ASSERT_TRUE(applier.collect());
    }
    static Applier open() {
        auto applier = Applier::open(pins);
        EXPECT_TRUE(applier) << applier.error().message;
        return std::move(*applier);
    }
    static policy::Image two_pods() {
        auto image = world();
        image.policies[1] = {policy::Direction::kIngress, deny_all(2), {{3, allow_port(kTcp80, 1, 2)}}};
        add_pod(image, "10.0.0.1", 1, 3, {0, 0});
        add_pod(image, "10.0.0.2", 2, 4, {0, 1});
        image.addresses[ip("fd00::2")] = image.addresses[ip("10.0.0.2")];
        image.cidrs[cidr("fd00::/64")] = {.identity = 2, .class_id = 9, .pod_range = true};
        return image;
    }
    static std::vector<Json> rows(const char* map) {
        std::vector<Json> all;
        const auto dumped = dump(pins, map, [&](const Json& row) { all.push_back(row); });
        EXPECT_TRUE(dumped) << dumped.error().message;
        return all;
    }
};

// Everything that packets can reach is equal; rows of the dead may differ.
void expect_same(const KernelState& believed, const KernelState& read) {
    EXPECT_TRUE(same(believed.control, read.control));
    ASSERT_EQ(believed.endpoints.size(), read.endpoints.size());
    for (const auto& [number, row] : believed.endpoints) EXPECT_TRUE(same(row, read.endpoints.at(number))) << number;
    ASSERT_EQ(believed.addresses.size(), read.addresses.size());
    for (const auto& [address, row] : believed.addresses)
        EXPECT_TRUE(same(row, read.addresses.at(address))) << address.text();
    ASSERT_EQ(believed.cidrs.size(), read.cidrs.size());
    for (const auto& [prefix, row] : believed.cidrs) EXPECT_TRUE(same(row, read.cidrs.at(prefix))) << prefix.text();
    EXPECT_EQ(believed.policies, read.policies);
    EXPECT_EQ(believed.policy_classes, read.policy_classes);
    for (const auto& [index, row] : read.port_rows)
        EXPECT_EQ(std::memcmp(&row, &believed.port_rows.at(index), sizeof row), 0) << index;
}

TEST_F(MapsKernel, BelievesWhatIsThereThroughRandomChanges) {
    Random random(1);
    auto applier = open();
    auto image = random_image(random);
    for (int step = 0; step < 40; ++step) {
        SCOPED_TRACE(step);
        const auto report = applier.apply(image, endpoints_of(image), {});
        ASSERT_TRUE(report) << report.error().message;
        EXPECT_FALSE(report->unfinished);
        auto read = read_kernel(pins);
        ASSERT_TRUE(read) << read.error().message;
        expect_same(applier.state(), *read);
        for (const auto& probe : probes()) {
            const auto expected = judge(image, probe);
            ASSERT_TRUE(indistinguishable(judge(*read, probe), expected));
            const auto explained =
                explain_from_maps(*read, probe.source, probe.destination, static_cast<std::uint8_t>(probe.number >> 16),
                                  static_cast<std::uint16_t>(probe.number));
            const bool itself = probe.source == probe.destination;
            EXPECT_TRUE(expected.nobody || itself || explained.allow == expected.allowed);
        }
        if (step % 3 == 0) {
            ASSERT_TRUE(applier.collect());
        }
        image = changed(image, random);
    }
}

TEST_F(MapsKernel, RestartWithNothingChangedWritesNothing) {
    const auto image = two_pods();
    auto first = open();
    ASSERT_TRUE(first.apply(image, endpoints_of(image), {}));
    auto second = open();
    const auto report = second.apply(image, endpoints_of(image), {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->writes, 0U);
    EXPECT_EQ(report->generation, first.state().control.generation);
}

TEST_F(MapsKernel, FlipIsSeenInTheControlRow) {
    auto image = two_pods();
    auto applier = open();
    ASSERT_TRUE(applier.apply(image, endpoints_of(image), {}));
    auto control = datapath::Map<std::uint32_t, weft_control>::open(pins, WEFT_MAP_CONTROL);
    ASSERT_TRUE(control);
    const auto before = (*control->lookup(0)).value();
    image.policies[1].unnamed = allow_all(5);
    const auto report = applier.apply(image, endpoints_of(image), {});
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->flipped);
    const auto after = (*control->lookup(0)).value();
    EXPECT_EQ(after.epoch, before.epoch ^ 1);
    EXPECT_EQ(after.generation, before.generation + 1);
    EXPECT_EQ(after.hash_seed, before.hash_seed);
    EXPECT_EQ(after.timeout_tcp, NodeSettings{}.timeout_tcp);
}

TEST_F(MapsKernel, FullAddressMapIsRefusedBeforeAnyWrite) {
    auto image = two_pods();
    auto applier = open();
    ASSERT_TRUE(applier.apply(image, endpoints_of(image), {}));
    for (std::uint64_t n = 0; n < 600; ++n) image.addresses[ip("10.1.0.0").plus(n)] = {.identity = 300, .class_id = 5};
    const auto generation = applier.state().control.generation;
    const auto report = applier.apply(image, endpoints_of(image), {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kExhausted);
    EXPECT_NE(report.error().message.find("addr4"), std::string::npos);
    auto read = read_kernel(pins);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->addresses.size(), 3U);
    EXPECT_EQ(read->control.generation, generation);
}

// Rows that go to the kernel together: what of them it took is known to the row.
TEST_F(MapsKernel, ABatchThatFailsSaysHowFarItCame) {
    auto writer = KernelWriter::open(pins);
    ASSERT_TRUE(writer);
    std::vector<Write> writes;
    for (std::uint64_t n = 0; n < 2000; ++n)
        writes.emplace_back(PutAddress{ip("10.1.0.0").plus(n), weft_addr{300, 5, 0, 0}});
    writes.emplace_back(PutAddress{ip("fd00::9"), weft_addr{300, 5, 0, 0}});
    const auto written = (*writer)->write_all(writes);
    ASSERT_TRUE(written.error);
    EXPECT_NE(written.error->text().find("addr4"), std::string::npos) << written.error->text();
    auto read = read_kernel(pins);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->addresses.size(), written.rows);
    EXPECT_GT(written.rows, 500U);
    for (std::size_t n = 0; n < written.rows; ++n)
        EXPECT_TRUE(read->addresses.contains(std::get<PutAddress>(writes[n]).address)) << n;
    for (std::size_t n = 0; n < written.rows; ++n)
        ASSERT_TRUE((*writer)->write(PutAddress{std::get<PutAddress>(writes[n]).address, std::nullopt}));
}

TEST_F(MapsKernel, EveryMapIsDecoded) {
    const auto image = two_pods();
    auto applier = open();
    ASSERT_TRUE(applier.apply(image, endpoints_of(image), {}));
    for (const auto& map : map_names()) static_cast<void>(rows(std::string(map.name).c_str()));
    EXPECT_EQ(rows(WEFT_MAP_CONTROL).at(0)["generation"], applier.state().control.generation);
    EXPECT_FALSE(rows(WEFT_MAP_CONTROL).at(0).contains("hash_seed"));
    EXPECT_EQ(rows(WEFT_MAP_ENDPOINTS).size(), 2U);
    EXPECT_EQ(rows(WEFT_MAP_ENDPOINTS).at(1)["mac"], "02:00:00:00:00:01");
    EXPECT_EQ(rows(WEFT_MAP_ADDR4).size(), 2U);
    EXPECT_EQ(rows(WEFT_MAP_ADDR6).at(0)["address"], "fd00::2");
    EXPECT_EQ(rows(WEFT_MAP_CIDR4).size(), 2U);
    EXPECT_EQ(rows(WEFT_MAP_CIDR6).at(1)["pod_range"], true);
    EXPECT_EQ(rows(WEFT_MAP_POLICIES).size(), 1U);
    EXPECT_EQ(rows(WEFT_MAP_POLICY_CLASSES).size(), 1U);
    const auto ports = rows(WEFT_MAP_PORT_ROWS);
    EXPECT_EQ(ports.size(), 4U);
    EXPECT_TRUE(std::ranges::any_of(ports, [](const Json& row) {
        return row["first"] == Json{{"protocol", 6}, {"port", 80}} && row["verdict"] == "allow" && row["rule"] == 1;
    }));
    EXPECT_EQ(dump(pins, "nonsense", [](const Json&) {}).error().code, ErrorCode::kNotFound);
}

TEST_F(MapsKernel, CountersAreSummedOverCpus) {
    const auto cpus = static_cast<std::size_t>(datapath::MapFd::cpus());
    auto counters = datapath::MapFd::open(pins, WEFT_MAP_RULE_COUNTERS, 4, sizeof(weft_rule_counter));
    ASSERT_TRUE(counters);
    const std::uint32_t rule = 7;
    const std::vector<weft_rule_counter> counted(cpus, {10, 1000, 1});
    ASSERT_TRUE(counters->update(&rule, counted.data()));
    auto counts = rule_counts(pins);
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->at(7).packets, 10 * cpus);
    EXPECT_EQ(counts->at(7).connections, cpus);

    auto metric = datapath::MapFd::open(pins, WEFT_MAP_METRICS, 4, sizeof(weft_metric));
    ASSERT_TRUE(metric);
    const std::uint32_t index = std::uint32_t{WEFT_DROP_POLICY_DENIED} * WEFT_HOOK_COUNT + WEFT_HOOK_FROM_POD;
    const std::vector<weft_metric> drops(cpus, {2, 200});
    ASSERT_TRUE(metric->update(&index, drops.data()));
    const auto all = metrics(pins);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 1U);
    EXPECT_EQ(all->front().reason, "policy_denied");
    EXPECT_EQ(all->front().hook, "from_pod");
    EXPECT_EQ(all->front().packets, 2 * cpus);
}

TEST_F(MapsKernel, LiveFlowsCountForTheirRules) {
    auto slots = datapath::Map<std::uint32_t, weft_flow4>::open(pins, WEFT_MAP_FLOW4);
    auto details = datapath::Map<std::uint32_t, weft_flow_detail>::open(pins, WEFT_MAP_FLOW4_DETAIL);
    auto tags = datapath::Map<std::uint32_t, std::uint64_t>::open(pins, WEFT_MAP_FLOW4_TAGS);
    ASSERT_TRUE(slots && details && tags);
    weft_flow4 slot{};
    slot.generation = 1;
    slot.key.source = ip("10.0.0.1").v4();
    slot.key.destination = ip("10.0.0.2").v4();
    slot.key.destination_port = 0x5000;  // 80 in network order
    slot.key.protocol = 6;
    slot.action = WEFT_ACTION_PEER;
    slot.packets = 5;
    slot.bytes = 500;
    weft_flow_detail detail{};
    detail.rule[WEFT_EGRESS] = 11;
    detail.rule[WEFT_INGRESS] = 12;
    const std::uint32_t set = 2, way = 3, index = weft_slot_index(set, way, tags->raw().max_entries() - 1);
    ASSERT_TRUE(slots->update(index, slot));
    ASSERT_TRUE(details->update(index, detail));
    ASSERT_TRUE(tags->update(set, std::uint64_t{0x42} << (8 * way)));
    const auto counts = rule_counts(pins);
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->at(11).packets, 5U);
    EXPECT_EQ(counts->at(12).bytes, 500U);
    const auto flows = rows(WEFT_MAP_FLOW4);
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0]["destination_port"], 80);
    EXPECT_EQ(flows[0]["action"], "peer");
    EXPECT_EQ(flows[0]["rules"]["ingress"], 12);
    ASSERT_TRUE(tags->update(set, 0));
    EXPECT_TRUE(rows(WEFT_MAP_FLOW4).empty());
}

TEST_F(MapsKernel, OnlyANewRuleIsSetToZeroInTheKernel) {
    auto image = two_pods();
    auto applier = open();
    image.rules[9] = {policy::Direction::kIngress, false, {{"NetworkPolicy", "default", "a"}}, 0};
    ASSERT_TRUE(applier.apply(image, endpoints_of(image), {}));
    auto counters = datapath::MapFd::open(pins, WEFT_MAP_RULE_COUNTERS, 4, sizeof(weft_rule_counter));
    ASSERT_TRUE(counters);
    const std::uint32_t rule = 9;
    const std::vector<weft_rule_counter> counted(static_cast<std::size_t>(datapath::MapFd::cpus()), {1, 1, 1});
    ASSERT_TRUE(counters->update(&rule, counted.data()));
    image.rules[9].index = 1;
    ASSERT_TRUE(applier.apply(image, endpoints_of(image), {}));
    EXPECT_TRUE(rule_counts(pins)->contains(9)) << "it only stands elsewhere";
    image.new_rules = {9};
    ASSERT_TRUE(applier.apply(image, endpoints_of(image), {}));
    EXPECT_FALSE(rule_counts(pins)->contains(9));
}

TEST_F(MapsKernel, GracePeriodIsWaitedFor) {
    // An RCU grace period cannot be shorter than a walk over the CPUs; that it returns and is not instant shows that it
    // waits.
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(datapath::wait_grace_period());
    EXPECT_GT(std::chrono::steady_clock::now() - start, std::chrono::microseconds(10));
}

}  // namespace
}  // namespace weft::maps::test
