#include "hubble-lite/kernel_source.hpp"

#include <sys/stat.h>

namespace weft::hubble {

namespace {

// Adds up the values that the CPUs hold.
template <typename Value, typename Add>
void each_cpu(const void* values, const Add& add) {
    static_assert(sizeof(Value) % 8 == 0);
    const auto* value = static_cast<const Value*>(values);
    for (int cpu = 0; cpu < datapath::MapFd::cpus(); ++cpu) add(value[cpu]);
}

}  // namespace

ino_t KernelSource::pinned_inode() const {
    struct stat status {};
    return stat(pins_.map(WEFT_MAP_EVENTS).c_str(), &status) == 0 ? status.st_ino : 0;
}

Result<void> KernelSource::open() {
    if (ring_) return {};
    const ino_t inode = pinned_inode();
    WEFT_TRY(metrics, datapath::MapFd::open(pins_, WEFT_MAP_METRICS, sizeof(__u32), sizeof(weft_metric)));
    WEFT_TRY(lost, datapath::MapFd::open(pins_, WEFT_MAP_LOST, sizeof(__u32), sizeof(__u64)));
    WEFT_TRY(dns, datapath::MapFd::open(pins_, WEFT_MAP_DNS_COUNTERS, sizeof(__u32), sizeof(__u64)));
    WEFT_TRY(ring, datapath::EventRing::open(pins_));
    metrics_ = std::move(metrics);
    lost_ = std::move(lost);
    dns_ = std::move(dns);
    ring_ = std::move(ring);
    inode_ = inode;
    return {};
}

void KernelSource::close() {
    ring_.reset();
    metrics_ = {};
    lost_ = {};
    dns_ = {};
}

Result<std::size_t> KernelSource::consume(const Visit& visit) {
    if (auto opened = open(); !opened) return wrap(std::move(opened).error(), "open the datapath's events");
    return ring_->consume(visit);
}

Result<KernelCounters> KernelSource::counters() {
    if (!ring_) return fail(ErrorCode::kUnavailable, "no datapath");
    KernelCounters out;
    WEFT_CHECK(metrics_.for_each([&](const void* key, const void* values) {
        const __u32 index = *static_cast<const __u32*>(key);
        if (index / WEFT_HOOK_COUNT >= WEFT_DROP_REASON_COUNT) return;
        weft_metric& sum = out.packets[index / WEFT_HOOK_COUNT][index % WEFT_HOOK_COUNT];
        each_cpu<weft_metric>(values, [&](const weft_metric& one) {
            sum.packets += one.packets;
            sum.bytes += one.bytes;
        });
    }));
    WEFT_CHECK(lost_.for_each([&](const void* key, const void* values) {
        const __u32 index = *static_cast<const __u32*>(key);
        if (index < WEFT_LOST_COUNT) each_cpu<__u64>(values, [&](__u64 one) { out.lost[index] += one; });
    }));
    WEFT_CHECK(dns_.for_each([&](const void* key, const void* values) {
        const __u32 index = *static_cast<const __u32*>(key);
        if (index < WEFT_DNS_COUNTS) each_cpu<__u64>(values, [&](__u64 one) { out.dns[index] += one; });
    }));
    // Another datapath is pinned now, or none: this one gets no more events, what it held has just been read.
    if (pinned_inode() != inode_) close();
    return out;
}

}  // namespace weft::hubble
