// The bounded ring of records. One writer; any number of readers, each with a position of its own.
//
// Positions count records since the start. A reader copies what it wants under a short lock and works on the copy: the
// writer waits for a copy of kBatch records at most, never for a client.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "hubble-lite/flow.hpp"

namespace weft::hubble {

class Ring {
  public:
    static constexpr std::size_t kBatch = 256;

    explicit Ring(std::size_t capacity) : capacity_(capacity == 0 ? 1 : capacity) {}

    void push(std::span<Record> records);  // moves them in

    struct Read {
        std::vector<Record> records;
        std::uint64_t first = 0;    // position of the first record
        std::uint64_t skipped = 0;  // overwritten before they could be read: positions asked for .. first
    };
    // Up to kBatch records from `position` on, none if there are no more.
    void read(std::uint64_t position, Read& out) const;
    // Waits until there is a record at `position`, the time is over, or close().
    void wait(std::uint64_t position, std::chrono::milliseconds timeout) const;
    void close();  // wakes all who wait, for good

    std::uint64_t tail() const;  // position of the oldest record
    std::uint64_t head() const;  // position after the newest
    std::size_t size() const;
    std::size_t capacity() const { return capacity_; }

  private:
    std::uint64_t tail_locked() const { return head_ - records_.size(); }

    std::size_t capacity_;
    mutable std::mutex mutex_;
    mutable std::condition_variable arrived_;
    std::vector<Record> records_;  // grows to the capacity, then wraps
    std::uint64_t head_ = 0;
    bool closed_ = false;
};

}  // namespace weft::hubble
