#include "hubble-lite/cursor.hpp"

#include <algorithm>
#include <ctime>

namespace weft::hubble {

namespace {

Record lost_record(std::uint64_t count) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    Record out;
    out.time_ns = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
    out.lost = LostSource::kFlowRing;
    out.lost_count = count;
    return out;
}

}  // namespace

Cursor::Cursor(const Ring& ring, Query query)
    : ring_(ring),
      query_(std::move(query)),
      end_(ring.head()),
      left_(query_.first.value_or(std::numeric_limits<std::uint64_t>::max())) {
    position_ = query_.last ? start_of_last(*query_.last) : ring_.tail();
}

// Walks back from the end until `count` flows match.
std::uint64_t Cursor::start_of_last(std::uint64_t count) const {
    std::uint64_t position = end_;
    Ring::Read batch;
    while (count > 0) {
        const std::uint64_t tail = ring_.tail();
        if (position <= tail) return std::max(position, tail);
        const std::uint64_t from = position - std::min<std::uint64_t>(Ring::kBatch, position - tail);
        ring_.read(from, batch);
        for (std::uint64_t at = std::min(position, batch.first + batch.records.size()); at > batch.first; --at) {
            const Record& record = batch.records[at - 1 - batch.first];
            if (record.is_flow() && wanted(record) && --count == 0) return at - 1;
        }
        position = from;
    }
    return position;
}

bool Cursor::advance(const Visit& visit, std::chrono::milliseconds patience) {
    if (left_ == 0 || (!query_.follow && position_ >= end_)) return false;
    ring_.read(position_, read_);
    if (read_.records.empty()) {
        if (!query_.follow) return false;
        ring_.wait(position_, patience);
        return true;
    }
    if (read_.skipped > 0) {
        overwritten_ += read_.skipped;
        visit(lost_record(read_.skipped));
    }
    position_ = read_.first;
    for (const auto& record : read_.records) {
        if (!query_.follow && position_ >= end_) return false;
        ++position_;
        if (!wanted(record)) continue;
        visit(record);
        if (record.is_flow() && --left_ == 0) return false;
    }
    // With `until`, a client that follows is done when the stream has passed it.
    return read_.records.back().time_ns <= query_.until_ns;
}

}  // namespace weft::hubble
