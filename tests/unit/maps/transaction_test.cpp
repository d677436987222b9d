// The promise of plan.hpp: before, in and after every transaction each packet is judged wholly by one image.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>

#include "daemon/maps/applier.hpp"
#include "tests/unit/maps/model.hpp"
#include "tests/unit/maps/random_image.hpp"

namespace weft::maps::test {
namespace {

// How many random histories a test tries; WEFT_TEST_SCALE=10 tries ten times as many.
unsigned seeds(unsigned count) {
    const char* scale = std::getenv("WEFT_TEST_SCALE");
    return scale == nullptr ? count : count * static_cast<unsigned>(std::max(1, std::atoi(scale)));
}

template <typename Map, typename Touched>
void touch(const Map& before, const Map& after, Touched& touched) {
    for (const auto& [key, row] : before)
        if (const auto at = after.find(key); at == after.end() || !(at->second == row)) touched.emplace(key, row);
    for (const auto& [key, row] : after)
        if (!before.contains(key)) touched.emplace(key, std::nullopt);
}

std::set<std::uint32_t> classes_of(const policy::Image& image) {
    std::set<std::uint32_t> out;
    for (const auto& [ip, row] : image.addresses) out.insert(row.class_id);
    for (const auto& [cidr, row] : image.cidrs) out.insert(row.class_id);
    return out;
}

// Of some table before it, if there is one with the same rows for unnamed classes.
policy::ImageDelta::Derived derivation(const policy::Image& before, const policy::PolicyTable& table,
                                       const std::set<std::uint32_t>& new_classes) {
    policy::ImageDelta::Derived out;
    for (const auto& [number, old] : before.policies) {
        if (old.unnamed != table.unnamed || old.direction != table.direction) continue;
        out.from = number;
        for (const auto& [class_id, rows] : old.classes)
            if (const auto at = table.classes.find(class_id); at == table.classes.end() || at->second != rows)
                out.classes.insert(class_id);
        for (const auto& [class_id, rows] : table.classes)
            if (!old.classes.contains(class_id) || new_classes.contains(class_id)) out.classes.insert(class_id);
        break;
    }
    return out;
}

policy::ImageDelta difference(const policy::Image& before, const policy::Image& after) {
    policy::ImageDelta out;
    touch(before.addresses, after.addresses, out.addresses);
    touch(before.cidrs, after.cidrs, out.cidrs);
    for (const auto& [number, policies] : after.endpoints) out.endpoints.insert(number);
    auto new_classes = classes_of(after);
    for (const auto class_id : classes_of(before)) new_classes.erase(class_id);
    for (const auto& [number, table] : after.policies) {
        const auto at = before.policies.find(number);
        const bool meets = std::ranges::any_of(new_classes, [&](auto one) { return table.classes.contains(one); });
        if (at == before.policies.end() || !(at->second == table) || meets)
            out.policies[number] = derivation(before, table, new_classes);
    }
    return out;
}

struct Sandbox {
    MemoryKernel::Shared kernel;
    Applier applier = Applier::with(std::make_unique<MemoryKernel>(kernel), kernel.rows);

    policy::Image applied;  // without an error

    // With what differs from the image before, as the compiler tells it.
    Result<ApplyReport> apply(const policy::Image& image) {
        const auto delta = difference(applied, image);
        auto report = applier.apply(image, endpoints_of(image), {}, &delta);
        if (report) applied = image;
        return report;
    }
    void restart() { applier = Applier::with(std::make_unique<MemoryKernel>(kernel), kernel.rows); }
    void begin_history() {
        kernel.keep_history = true;
        kernel.history.assign(1, kernel.rows);
        kernel.waited.assign(1, 0);
    }
};

std::string text(const Probe& probe) {
    return fmt::format("{} -> {} number {:#x}", probe.source.text(), probe.destination.text(), probe.number);
}

void expect_enforced(const KernelState& rows, const policy::Image& image, std::string_view where) {
    for (const auto& probe : probes())
        ASSERT_TRUE(indistinguishable(judge(rows, probe), judge(image, probe))) << where << ": " << text(probe);
}

// A pod of the later image alone: its device is down until apply() returns, so nothing reaches it whatever is decided.
bool is_down(const policy::Image& before, const policy::Image& now, const IpAddr& address) {
    const auto pod = now.addresses.find(address), past = before.addresses.find(address);
    return pod != now.addresses.end() && pod->second.endpoint != 0 &&
           (past == before.addresses.end() || past->second.endpoint == 0);
}

TEST(Transaction, EveryPrefixIsOldOrNew) {
    int flips = 0, silent = 0;
    for (unsigned seed = 0; seed < seeds(100); ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Sandbox box;
        const auto before = random_image(random), after = changed(before, random);
        ASSERT_TRUE(box.apply(before));
        expect_enforced(box.kernel.rows, before, "the first image");
        if (seed % 2 == 0) {
            ASSERT_TRUE(box.applier.collect());
        }
        box.begin_history();
        const auto report = box.apply(after);
        ASSERT_TRUE(report) << report.error().message;
        (report->flipped ? flips : silent) += 1;
        const auto epoch = box.kernel.rows.control.epoch;
        for (std::size_t i = 0; i < box.kernel.history.size(); ++i) {
            const auto& rows = box.kernel.history[i];
            const bool committed = report->flipped && rows.control.epoch == epoch;
            for (const auto& probe : probes()) {
                const auto got = judge(rows, probe);
                const bool is_new = indistinguishable(got, judge(after, probe));
                const bool is_old = indistinguishable(got, judge(before, probe));
                const bool down = is_down(before, after, probe.source) || is_down(before, after, probe.destination);
                ASSERT_TRUE(is_new || (is_old && !committed) || down) << "after write " << i << ": " << text(probe);
            }
        }
        expect_enforced(box.kernel.rows, after, "the second image");
    }
    EXPECT_GT(flips, 25);
    EXPECT_GT(silent, 7);
}

struct Reader {
    const std::vector<KernelState>& history;
    std::array<std::size_t, 4> at{};

    Verdict judge(const Probe& probe) const {
        return test::judge(history[at[0]], history[at[1]], history[at[2]], history[at[3]], probe);
    }
    std::string text() const {
        return fmt::format("read at {} {} {} {} of {}: ", at[0], at[1], at[2], at[3], history.size());
    }
};

// Four moments between two neighbouring grace periods; the last three since `start`.
Reader random_reader(const MemoryKernel::Shared& kernel, std::size_t start, Random& random) {
    const auto size = kernel.history.size();
    const auto anchor = start + random() % (size - start);
    const auto after = std::ranges::upper_bound(kernel.waited, anchor);
    const auto from = *(after - 1), to = after == kernel.waited.end() ? size : *after;
    const auto first = std::max(start, from);
    Reader reader{kernel.history};
    for (auto& moment : reader.at) moment = first + random() % (to - first);
    std::ranges::sort(reader.at);
    if (random() % 2 == 0) reader.at[0] = from + random() % (reader.at[0] - from + 1);
    return reader;
}

// An image, the first snapshot at which it may be seen and the last.
struct InForce {
    policy::Image image;
    std::size_t from, to;
};

void expect_one_image(const Reader& reader, const std::vector<InForce>& images) {
    for (const auto& probe : probes()) {
        const auto &before = images[images.size() - 2].image, &now = images.back().image;
        if (is_down(before, now, probe.source) || is_down(before, now, probe.destination)) continue;
        const auto got = reader.judge(probe);
        const bool explained = std::ranges::any_of(images, [&](const InForce& one) {
            return one.from <= reader.at[3] && reader.at[0] <= one.to &&
                   indistinguishable(got, judge(one.image, probe));
        });
        ASSERT_TRUE(explained) << reader.text() << text(probe);
    }
}

// A packet reads epoch, source, destination and tables at four moments. The last three lie in one transaction, the
// epoch may have been read in any since the last grace period.
TEST(Transaction, ReadersSpreadOverWritesSeeOneImage) {
    for (unsigned seed = 0; seed < seeds(15); ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Sandbox box;
        std::vector<InForce> images = {{random_image(random), 0, 0}};
        ASSERT_TRUE(box.apply(images.back().image));
        box.begin_history();
        for (int step = 0; step < 6; ++step) {
            if (random() % 3 == 0) {
                ASSERT_TRUE(box.applier.collect());
            }
            const auto start = box.kernel.history.size() - 1;
            const auto next = changed(images.back().image, random);
            const auto report = box.apply(next);
            ASSERT_TRUE(report) << report.error().message;
            images.back().to = box.kernel.history.size() - 1;
            images.push_back({next, start, box.kernel.history.size() - 1});
            for (int i = 0; i < 60; ++i) expect_one_image(random_reader(box.kernel, start, random), images);
            if (HasFatalFailure()) return;
        }
    }
}

TEST(Transaction, FailedWriteLeavesTheOldInForce) {
    for (unsigned seed = 0; seed < seeds(40); ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Sandbox whole;
        const auto before = random_image(random), after = changed(before, random);
        ASSERT_TRUE(whole.apply(before));
        const auto base = whole.kernel;
        ASSERT_TRUE(whole.apply(after));
        const auto attempts = whole.kernel.attempts - base.attempts;
        for (std::size_t position = 0; position < attempts; ++position) {
            SCOPED_TRACE(position);
            Sandbox box;
            ASSERT_TRUE(box.apply(before));
            box.kernel.refuse = {box.kernel.attempts + position};
            const auto report = box.apply(after);
            if (report) {
                EXPECT_TRUE(report->unfinished) << "the refused write was not reported";
            } else {
                EXPECT_EQ(report.error().code, ErrorCode::kSystem);
                expect_enforced(box.kernel.rows, before, "after the failure");
            }
            box.kernel.refuse.clear();
            ASSERT_TRUE(box.apply(after));
            expect_enforced(box.kernel.rows, after, "at the second try");
            for (int i = 0; i < 3; ++i) ASSERT_TRUE(box.applier.collect());
            expect_enforced(box.kernel.rows, after, "after collecting");
        }
    }
}

// The mirror must say what the kernel holds even when taking back fails too.
TEST(Transaction, MirrorIsTruthfulWhenTakingBackFails) {
    for (unsigned seed = 0; seed < seeds(60); ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Sandbox box;
        const auto before = random_image(random), after = changed(before, random);
        ASSERT_TRUE(box.apply(before));
        const auto first = box.kernel.attempts;
        for (std::size_t i = 0; i < 40; ++i)
            if (random() % 4 == 0) box.kernel.refuse.push_back(first + i);
        static_cast<void>(box.apply(after));
        box.kernel.refuse.clear();
        const auto report = box.apply(after);
        ASSERT_TRUE(report) << report.error().message;
        expect_enforced(box.kernel.rows, after, "after failures");
        box.restart();
        EXPECT_EQ(box.apply(after)->writes, 0U);
    }
}

TEST(Transaction, RestartWithNothingChangedWritesNothing) {
    for (unsigned seed = 0; seed < seeds(100); ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Sandbox box;
        auto image = random_image(random);
        for (int step = 0; step < 4; ++step) {
            ASSERT_TRUE(box.apply(image));
            if (random() % 2 == 0) {
                ASSERT_TRUE(box.applier.collect());
            }
            box.restart();
            const auto written = box.kernel.attempts;
            const auto report = box.apply(image);
            ASSERT_TRUE(report) << report.error().message;
            EXPECT_EQ(report->writes, 0U);
            EXPECT_EQ(box.kernel.attempts, written);
            image = changed(image, random);
        }
    }
}

TEST(Transaction, KilledAtAnyWriteTheNextDaemonCompletes) {
    for (unsigned seed = 0; seed < seeds(40); ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Sandbox box;
        const auto before = random_image(random), after = changed(before, random);
        ASSERT_TRUE(box.apply(before));
        box.begin_history();
        ASSERT_TRUE(box.apply(after));
        const auto history = box.kernel.history;
        for (const auto& rows : history) {
            Sandbox next;
            next.kernel.rows = rows;
            next.kernel.rows.grace_passed();
            next.restart();
            const auto report = next.apply(after);
            ASSERT_TRUE(report) << report.error().message;
            expect_enforced(next.kernel.rows, after, "after a restart");
            for (int i = 0; i < 3; ++i) ASSERT_TRUE(next.applier.collect());
            expect_enforced(next.kernel.rows, after, "after collecting");
        }
    }
}

TEST(Transaction, CollectingLeavesNothingAndChangesNothing) {
    for (unsigned seed = 0; seed < seeds(15); ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Sandbox box;
        auto image = random_image(random);
        for (int step = 0; step < 8; ++step) {
            ASSERT_TRUE(box.apply(image));
            box.begin_history();
            for (int i = 0; i < 3; ++i) {
                ASSERT_TRUE(box.applier.collect());
                for (const auto& rows : box.kernel.history) expect_enforced(rows, image, "while collecting");
            }
            const auto writes = box.kernel.attempts;
            ASSERT_TRUE(box.applier.collect());
            EXPECT_EQ(box.kernel.attempts, writes) << "a third pass still found something";
            std::set<std::uint32_t> image_classes, kernel_classes;
            for (const auto& [address, row] : image.addresses) image_classes.insert(row.class_id);
            for (const auto& [prefix, row] : image.cidrs) image_classes.insert(row.class_id);
            for (const auto& [address, row] : box.kernel.rows.addresses) kernel_classes.insert(row.class_id);
            for (const auto& [prefix, row] : box.kernel.rows.cidrs) kernel_classes.insert(row.class_id);
            EXPECT_EQ(kernel_classes.size(), image_classes.size());
            std::set<std::uint32_t> named;
            for (const auto* asked : {&image.endpoints, &image.audits})
                for (const auto& [number, policies] : *asked) named.insert(policies.begin(), policies.end());
            named.erase(0);
            EXPECT_LE(box.kernel.rows.policies.size(), named.size());
            image = changed(image, random);
        }
    }
}

}  // namespace
}  // namespace weft::maps::test
