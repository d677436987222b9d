#include "hubble-lite/ring.hpp"

#include <algorithm>

namespace weft::hubble {

void Ring::push(std::span<Record> records) {
    if (records.empty()) return;
    {
        const std::scoped_lock lock(mutex_);
        for (auto& record : records) {
            if (records_.size() < capacity_)
                records_.push_back(std::move(record));
            else
                records_[head_ % capacity_] = std::move(record);
            ++head_;
        }
    }
    arrived_.notify_all();
}

void Ring::read(std::uint64_t position, Read& out) const {
    out.records.clear();
    const std::scoped_lock lock(mutex_);
    out.first = std::max(position, tail_locked());
    out.skipped = out.first - position;
    const std::uint64_t end = std::min(head_, out.first + kBatch);
    for (std::uint64_t at = out.first; at < end; ++at) out.records.push_back(records_[at % capacity_]);
}

void Ring::wait(std::uint64_t position, std::chrono::milliseconds timeout) const {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, timeout, [&] { return closed_ || head_ > position; });
}

void Ring::close() {
    {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
    }
    arrived_.notify_all();
}

std::uint64_t Ring::tail() const {
    const std::scoped_lock lock(mutex_);
    return tail_locked();
}

std::uint64_t Ring::head() const {
    const std::scoped_lock lock(mutex_);
    return head_;
}

std::size_t Ring::size() const {
    const std::scoped_lock lock(mutex_);
    return records_.size();
}

}  // namespace weft::hubble
