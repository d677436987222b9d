// One client's way through the ring: where it starts, what it skips, when it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "hubble-lite/query.hpp"
#include "hubble-lite/ring.hpp"

namespace weft::hubble {

class Cursor {
  public:
    using Visit = std::function<void(const Record&)>;

    Cursor(const Ring& ring, Query query);

    // Visits the next matching records: at most one batch of the ring. What was overwritten before this client came to
    // it is one record with lost = kFlowRing and the count. With follow, waits up to `patience` when there is nothing.
    // False: the end; no more calls.
    bool advance(const Visit& visit, std::chrono::milliseconds patience);

    std::uint64_t overwritten() const { return overwritten_; }

  private:
    // Lost records pass every filter: a hole is a hole whatever one looks for.
    bool wanted(const Record& record) const {
        return query_.in_time(record) && (!record.is_flow() || query_.filter.matches(record));
    }
    std::uint64_t start_of_last(std::uint64_t count) const;

    const Ring& ring_;
    Query query_;
    Ring::Read read_;
    std::uint64_t position_ = 0;
    std::uint64_t end_ = 0;  // without follow: the head when the request came
    std::uint64_t left_;     // flows that may still be visited
    std::uint64_t overwritten_ = 0;
};

}  // namespace weft::hubble
