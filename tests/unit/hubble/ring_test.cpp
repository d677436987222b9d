// The ring and the ways through it: last, first, since, follow, and what a slow client is told.
#include "hubble-lite/ring.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <thread>

#include "hubble-lite/cursor.hpp"
#include "sample.hpp"

namespace weft::hubble::test {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000'000'000;

// Flow number `i` has the source port i and the time kStart + i; even ones go to port 80, odd ones to 81.
void push(Ring& ring, std::uint16_t from, std::uint16_t to) {
    std::vector<Record> batch;
    for (int i = from; i < to; ++i)
        batch.push_back(named(sample_event({.source_port = static_cast<std::uint16_t>(i),
                                            .destination_port = static_cast<std::uint16_t>(80 + i % 2)}),
                              kStart + i));
    ring.push(batch);
}

Query query(const QueryParameters& parameters) {
    auto parsed = parse_query(parameters, kStart);
    EXPECT_TRUE(parsed);
    return std::move(*parsed);
}

// Source ports in order; a lost record is minus its count.
std::vector<int> drain(Cursor& cursor, int rounds = 1000) {
    std::vector<int> out;
    const auto visit = [&](const Record& r) {
        out.push_back(r.is_flow() ? ntohs(r.event.source_port) : -static_cast<int>(r.lost_count));
    };
    while (rounds-- > 0 && cursor.advance(visit, std::chrono::milliseconds(0))) {
    }
    return out;
}

std::vector<int> ask(const Ring& ring, const QueryParameters& parameters) {
    Cursor cursor(ring, query(parameters));
    return drain(cursor);
}

TEST(ring, keeps_the_newest) {
    Ring ring(8);
    push(ring, 0, 5);
    EXPECT_EQ(ring.size(), 5U);
    push(ring, 5, 20);
    EXPECT_EQ(ring.size(), 8U);
    EXPECT_EQ(ring.tail(), 12U);
    EXPECT_EQ(ask(ring, {{"last", "100"}}), (std::vector{12, 13, 14, 15, 16, 17, 18, 19}));
}

TEST(ring, last_counts_flows_that_match) {
    Ring ring(1000);
    push(ring, 0, 700);
    EXPECT_EQ(ask(ring, {{"last", "3"}}), (std::vector{697, 698, 699}));
    EXPECT_EQ(ask(ring, {{"last", "3"}, {"destination_port", "80"}}), (std::vector{694, 696, 698}));
    EXPECT_EQ(ask(ring, {{"last", "5"}, {"source_port", "3"}}), (std::vector{3}));
    EXPECT_EQ(ask(ring, {{"last", "0"}}), std::vector<int>{});
    EXPECT_EQ(ask(ring, {}).size(), kDefaultLast);
}

TEST(ring, first_and_times) {
    Ring ring(1000);
    push(ring, 0, 600);
    EXPECT_EQ(ask(ring, {{"first", "2"}, {"destination_port", "81"}}), (std::vector{1, 3}));
    Query part = query({{"since", "1m"}});
    part.since_ns = kStart + 300;
    part.until_ns = kStart + 302;
    Cursor cursor(ring, part);
    EXPECT_EQ(drain(cursor), (std::vector{300, 301, 302}));
}

TEST(ring, an_empty_ring_ends_at_once) {
    EXPECT_TRUE(ask(Ring(4), {}).empty());
}

TEST(ring, a_request_without_follow_ends_where_the_ring_ended_when_it_came) {
    Ring ring(100);
    push(ring, 0, 3);
    Cursor cursor(ring, query({{"last", "10"}}));
    push(ring, 3, 6);
    EXPECT_EQ(drain(cursor), (std::vector{0, 1, 2}));
}

TEST(ring, a_slow_client_is_told_how_much_it_missed) {
    Ring ring(8);
    Cursor cursor(ring, query({{"follow", "true"}}));
    push(ring, 0, 4);
    EXPECT_EQ(drain(cursor, 1), (std::vector{0, 1, 2, 3}));
    push(ring, 4, 30);  // 8 fit: 4 to 21 are gone
    EXPECT_EQ(drain(cursor, 1), (std::vector{-18, 22, 23, 24, 25, 26, 27, 28, 29}));
    EXPECT_EQ(cursor.overwritten(), 18U);
    push(ring, 30, 31);
    EXPECT_EQ(drain(cursor, 1), (std::vector{30}));
}

TEST(ring, kernel_loss_passes_every_filter) {
    Ring ring(8);
    Record lost;
    lost.lost = LostSource::kKernelRing;
    lost.lost_count = 7;
    lost.time_ns = kStart;
    push(ring, 0, 1);
    ring.push({&lost, 1});
    EXPECT_EQ(ask(ring, {{"first", "9"}, {"verdict", "dropped"}}), (std::vector{-7}));
}

TEST(ring, a_waiting_client_wakes_when_something_comes) {
    Ring ring(8);
    Cursor cursor(ring, query({{"follow", "true"}}));
    std::thread writer([&] { push(ring, 5, 6); });
    std::vector<int> seen;
    for (int i = 0; i < 100 && seen.empty(); ++i)
        cursor.advance([&](const Record& r) { seen.push_back(ntohs(r.event.source_port)); },
                       std::chrono::milliseconds(100));
    writer.join();
    EXPECT_EQ(seen, (std::vector{5}));
}

TEST(ring, readers_beside_a_writer_see_whole_records_in_order) {
    Ring ring(512);
    std::atomic<bool> done = false;
    std::thread writer([&] {
        for (int round = 0; round < 200; ++round)
            push(ring, static_cast<std::uint16_t>(round * 300), static_cast<std::uint16_t>(round * 300 + 300));
        done = true;
    });
    Cursor cursor(ring, query({{"follow", "true"}}));
    std::uint64_t flows = 0, lost = 0;
    int before = -1;
    bool in_order = true;
    const auto visit = [&](const Record& r) {
        if (!r.is_flow()) return void(lost += r.lost_count);
        const int port = ntohs(r.event.source_port);
        in_order = in_order && port > before && r.time_ns == kStart + port;
        before = port;
        ++flows;
    };
    const std::uint64_t start = ring.head();
    while (!done || flows + lost + start < ring.head()) {
        cursor.advance(visit, std::chrono::milliseconds(1));
        if (done && flows + lost >= ring.head()) break;
    }
    writer.join();
    EXPECT_TRUE(in_order);
    EXPECT_LE(flows + lost, ring.head());
    EXPECT_EQ(cursor.overwritten(), lost);
}

}  // namespace
}  // namespace weft::hubble::test
