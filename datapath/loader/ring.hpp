// Reads the pinned event ring. One reader at a time; not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "common/result.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::datapath {

class EventRing {
  public:
    using Visit = std::function<void(std::span<const std::byte>)>;

    static Result<EventRing> open(const Pins& pins);
    EventRing(EventRing&&) noexcept;
    EventRing& operator=(EventRing&&) noexcept;
    ~EventRing();

    // Visits all events that are there now, in order. The programs do not wake the reader for every event (it would
    // cost each first packet more than its decision): call this in a loop with a pause of some milliseconds.
    Result<std::size_t> consume(const Visit& visit);

  private:
    struct Impl;
    explicit EventRing(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace weft::datapath
