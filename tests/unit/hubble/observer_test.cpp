// From bytes to named records: one round of the loop at a time.
#include "hubble-lite/observer.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <thread>

#include "hubble-lite/metrics.hpp"
#include "sample.hpp"

namespace weft::hubble::test {
namespace {

class observer_loop : public testing::Test {
  protected:
    std::vector<Record> records() {
        Ring::Read read;
        ring.read(0, read);
        return read.records;
    }

    FakeSource source;
    Names names;
    Ring ring{1000};
    Stats stats;
    Observer observer{source, names, ring, stats};
};

TEST_F(observer_loop, names_flows_and_counts_what_it_cannot_read) {
    ASSERT_TRUE(names.apply(
        R"({"type":"endpoint","op":"add","id":17,"namespace":"shop","pod":"web-1","identity":260,"ips":["10.244.0.9"]})"));
    ASSERT_TRUE(names.apply(
        R"({"type":"rule","op":"add","id":4,"direction":"ingress","kind":"NetworkPolicy","namespace":"shop","name":"p"})"));
    source.waiting.push_back(bytes_of(sample_event()));
    source.waiting.push_back({std::byte{1}});
    source.waiting.push_back(bytes_of(dropped_event(WEFT_DROP_POLICY_DENY)));
    EXPECT_EQ(observer.drain(), 3U);
    const auto got = records();
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].source->pod, "web-1");
    EXPECT_EQ(got[0].destination, nullptr);
    EXPECT_EQ(got[0].rule[WEFT_INGRESS]->policies[0].name, "p");
    EXPECT_TRUE(got[1].dropped());
    EXPECT_EQ(stats.seen, 2U);
    EXPECT_EQ(stats.events[WEFT_EVENT_DROP], 1U);
    EXPECT_EQ(stats.undecoded[static_cast<std::size_t>(DecodeError::kTruncated)], 1U);
}

// The first drop of a new policy may be read before its rule is named.
TEST_F(observer_loop, waits_for_the_name_of_a_new_rule) {
    source.waiting.push_back(bytes_of(dropped_event(WEFT_DROP_POLICY_DENY)));
    const auto id = dropped_event(WEFT_DROP_POLICY_DENY).rule[WEFT_INGRESS];
    std::thread stream([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        for (std::uint32_t rule = 1; rule <= id; ++rule)
            ASSERT_TRUE(names.apply(
                fmt::format(R"({{"type":"rule","op":"add","id":{},"kind":"NetworkPolicy","name":"late"}})", rule)));
    });
    observer.drain();
    stream.join();
    ASSERT_TRUE(records().at(0).rule[WEFT_INGRESS]);
    EXPECT_EQ(records().at(0).rule[WEFT_INGRESS]->policies[0].name, "late");
}

TEST_F(observer_loop, more_events_than_a_batch_all_arrive) {
    for (std::size_t i = 0; i < 2 * Ring::kBatch + 3; ++i) source.waiting.push_back(bytes_of(sample_event()));
    observer.drain();
    EXPECT_EQ(ring.size(), 2 * Ring::kBatch + 3);
}

TEST_F(observer_loop, monotonic_time_becomes_wall_time) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    weft_event event = sample_event();
    event.time_ns = static_cast<__u64>(now.tv_sec) * 1'000'000'000 + static_cast<__u64>(now.tv_nsec);
    source.waiting.push_back(bytes_of(event));
    observer.drain();
    clock_gettime(CLOCK_REALTIME, &now);
    EXPECT_NEAR(static_cast<double>(records().at(0).time_ns) / 1e9, static_cast<double>(now.tv_sec), 2.0);
}

TEST_F(observer_loop, kernel_loss_becomes_records_of_what_is_new) {
    source.counts.lost[WEFT_LOST_RING_FULL] = 100;  // before this process: no news
    observer.tick();
    EXPECT_EQ(ring.size(), 0U);
    source.counts.lost[WEFT_LOST_RING_FULL] = 105;
    source.counts.lost[WEFT_LOST_DROP_LIMIT] = 50;  // on purpose: not lost
    observer.tick();
    observer.tick();
    const auto got = records();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].lost, LostSource::kKernelRing);
    EXPECT_EQ(got[0].lost_count, 5U);
    source.counts.lost[WEFT_LOST_RING_FULL] = 1;  // another datapath
    observer.tick();
    source.counts.lost[WEFT_LOST_RING_FULL] = 3;
    observer.tick();
    EXPECT_EQ(records().back().lost_count, 2U);
}

TEST_F(observer_loop, a_closed_source_is_no_end) {
    source.open = false;
    EXPECT_EQ(observer.drain(), 0U);
    EXPECT_FALSE(stats.source_open);
    source.open = true;
    source.waiting.push_back(bytes_of(sample_event()));
    EXPECT_EQ(observer.drain(), 1U);
    EXPECT_TRUE(stats.source_open);
}

TEST_F(observer_loop, metrics_show_the_kernels_counts_for_every_reason) {
    for (std::uint32_t reason = 0; reason < WEFT_DROP_REASON_COUNT; ++reason)
        source.counts.packets[reason][WEFT_HOOK_TO_POD] = {reason + 1000, reason + 5000};
    source.counts.lost = {7, 8};
    observer.tick();
    const std::string text = metrics_text(stats, ring, names);
    for (const auto& reason : drop_reasons()) {
        std::string name(reason.name);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        EXPECT_NE(text.find(fmt::format("weft_dropped_packets_total{{reason=\"{}\",hook=\"to_pod\"}} {}\n", name,
                                        reason.code + 1000)),
                  std::string::npos)
            << name;
        EXPECT_NE(text.find(fmt::format("weft_dropped_bytes_total{{reason=\"{}\",hook=\"to_pod\"}} {}\n", name,
                                        reason.code + 5000)),
                  std::string::npos)
            << name;
    }
    EXPECT_NE(text.find("weft_forwarded_packets_total{hook=\"to_pod\"} 1000\n"), std::string::npos);
    EXPECT_NE(text.find("hubble_lite_lost_events_total{source=\"PERF_EVENT_RING_BUFFER\"} 7\n"), std::string::npos);
    EXPECT_NE(text.find("hubble_lite_limited_events_total 8\n"), std::string::npos);
}

}  // namespace
}  // namespace weft::hubble::test
