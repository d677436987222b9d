#include "hubble-lite/observer.hpp"

#include <ctime>
#include <thread>

#include "common/log.hpp"

namespace weft::hubble {

namespace {
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::milliseconds kRetry{500};  // while there is no datapath
}  // namespace

void Observer::run(const std::atomic<bool>& stop, std::chrono::milliseconds poll) {
    auto next_tick = std::chrono::steady_clock::now();
    while (!stop) {
        const std::size_t events = drain();
        if (const auto now = std::chrono::steady_clock::now(); now >= next_tick) {
            tick();
            next_tick = now + kTick;
        }
        if (events == 0) std::this_thread::sleep_for(stats_.source_open ? poll : std::max(poll, kRetry));
    }
}

std::size_t Observer::drain() {
    const auto count = source_.consume([this](std::span<const std::byte> bytes) { take(bytes); });
    flush();
    note(count.has_value(), count ? nullptr : &count.error());
    return count.value_or(0);
}

void Observer::take(std::span<const std::byte> bytes) {
    const Decoded decoded = decode(bytes);
    if (decoded.error) {
        ++stats_.undecoded[static_cast<std::size_t>(*decoded.error)];
        return;
    }
    const weft_event& event = decoded.event;
    Record record;
    record.event = event;
    record.dns = decoded.dns;
    record.time_ns = static_cast<std::int64_t>(event.time_ns) + clock_offset_ns_;
    record.source = names_.peer(record.source_ip(), event.source_identity);
    record.destination = names_.peer(record.destination_ip(), event.destination_identity);
    for (const std::size_t direction : {WEFT_EGRESS, WEFT_INGRESS})
        record.rule[direction] = rule(event.rule[direction]);
    if (record.audited()) record.audit_rule = rule(event.audit_rule[record.audit_direction()]);
    ++stats_.events[event.header.type];
    if (record.verdict() == "AUDIT") ++stats_.audits[event.header.type];
    ++stats_.seen;
    put(std::move(record));
}

// A rule that nobody names must not hold up the rest: all waiting together is bounded for each tick.
std::shared_ptr<const Rule> Observer::rule(std::uint32_t id) {
    auto known = names_.rule(id);
    if (known || id == 0 || patience_ <= Names::Clock::duration{}) return known;
    const auto begin = Names::Clock::now();
    known = names_.rule(id, patience_);
    patience_ -= Names::Clock::now() - begin;
    return known;
}

void Observer::put(Record record) {
    batch_.push_back(std::move(record));
    if (batch_.size() >= Ring::kBatch) flush();
}

void Observer::flush() {
    ring_.push(batch_);
    batch_.clear();
}

void Observer::tick() {
    patience_ = kPatience;
    clock_offset_ns_ = monotonic_offset_ns();
    measure_rate();
    names_.purge();
    const auto counters = source_.counters();
    if (!counters) return;
    stats_.set_kernel(*counters);
    report_loss(*counters);
}

// What was lost before this process began is in the counters, but no news.
void Observer::report_loss(const KernelCounters& counters) {
    const std::uint64_t lost = counters.lost[WEFT_LOST_RING_FULL];
    if (lost_before_ && lost > *lost_before_) {
        Record record;
        timespec now{};
        clock_gettime(CLOCK_REALTIME, &now);
        record.time_ns = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
        record.lost = LostSource::kKernelRing;
        record.lost_count = lost - *lost_before_;
        stats_.lost_kernel += record.lost_count;
        put(std::move(record));
        flush();
    }
    lost_before_ = lost;
}

void Observer::measure_rate() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - measured_).count();
    if (seconds < 0.5) return;
    const std::uint64_t seen = stats_.seen;
    stats_.flows_per_second_milli =
        static_cast<std::uint64_t>(static_cast<double>(seen - seen_before_) / seconds * 1000);
    seen_before_ = seen;
    measured_ = now;
}

void Observer::note(bool open, const Error* error) {
    if (stats_.source_open.exchange(open) == open && noted_) return;
    noted_ = true;
    if (open)
        spdlog::info("reading events");
    else
        spdlog::warn("events: {}", error->text());
}

}  // namespace weft::hubble
