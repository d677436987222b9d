// The loop: events in, records with names out into the ring.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

#include "hubble-lite/names.hpp"
#include "hubble-lite/ring.hpp"
#include "hubble-lite/source.hpp"
#include "hubble-lite/stats.hpp"

namespace weft::hubble {

class Observer {
  public:
    Observer(EventSource& source, Names& names, Ring& ring, Stats& stats)
        : source_(source), names_(names), ring_(ring), stats_(stats) {}

    // Until `stop`. Sleeps `poll` when there was nothing.
    void run(const std::atomic<bool>& stop, std::chrono::milliseconds poll);

    // One round each, for the loop and for tests.
    std::size_t drain();  // events now; how many there were
    void tick();          // what is due once a second: clock, counters, loss, names

  private:
    static constexpr std::chrono::milliseconds kPatience{300};

    void take(std::span<const std::byte> bytes);
    std::shared_ptr<const Rule> rule(std::uint32_t id);
    void put(Record record);
    void flush();
    void report_loss(const KernelCounters& counters);
    void measure_rate();
    void note(bool open, const Error* error);

    EventSource& source_;
    Names& names_;
    Ring& ring_;
    Stats& stats_;
    std::vector<Record> batch_;
    Names::Clock::duration patience_ = kPatience;  // left until the next tick, for rules that are not named yet
    std::int64_t clock_offset_ns_ = monotonic_offset_ns();
    std::optional<std::uint64_t> lost_before_;
    bool noted_ = false;
    std::uint64_t seen_before_ = 0;
    std::chrono::steady_clock::time_point measured_ = std::chrono::steady_clock::now();
};

}  // namespace weft::hubble
