// The observer's own counters. Written by one thread each, read by any.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "hubble-lite/decode.hpp"
#include "hubble-lite/source.hpp"

namespace weft::hubble {

struct Stats {
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
    std::array<std::atomic<std::uint64_t>, WEFT_EVENT_LAST + 1> events{};  // by enum weft_event_type
    std::array<std::atomic<std::uint64_t>, WEFT_EVENT_LAST + 1> audits{};  // of these, with the verdict AUDIT
    std::atomic<std::uint64_t> seen = 0;                                   // flows put into the ring
    std::array<std::atomic<std::uint64_t>, kDecodeErrors> undecoded{};
    std::atomic<std::uint64_t> lost_kernel =
        0;  // events that did not fit into the ring buffer since this process began
    std::atomic<std::uint64_t> lost_flow_ring = 0;  // overwritten before a client had read them, over all clients
    std::atomic<std::uint32_t> clients = 0, clients_refused = 0;
    std::atomic<bool> metadata_connected = false;
    std::atomic<std::uint64_t> metadata_connects = 0, metadata_bad_lines = 0;
    std::atomic<bool> source_open = false;
    std::atomic<std::uint64_t> flows_per_second_milli = 0;  // over the last seconds

    // The kernel's counters as last read.
    void set_kernel(const KernelCounters& counters) {
        const std::scoped_lock lock(mutex_);
        kernel_ = counters;
    }
    KernelCounters kernel() const {
        const std::scoped_lock lock(mutex_);
        return kernel_;
    }

  private:
    mutable std::mutex mutex_;
    KernelCounters kernel_;
};

}  // namespace weft::hubble
