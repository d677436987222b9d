// Where events and the kernel's counters come from. The kernel's is kernel_source.hpp; tests feed their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "common/result.hpp"
#include "datapath/abi/dns.h"
#include "datapath/abi/event.h"

namespace weft::hubble {

// The kernel's exact counts, added up over the CPUs.
struct KernelCounters {
    std::array<std::array<weft_metric, WEFT_HOOK_COUNT>, WEFT_DROP_REASON_COUNT> packets{};  // [reason][hook]
    std::array<std::uint64_t, WEFT_LOST_COUNT> lost{};
    std::array<std::uint64_t, WEFT_DNS_COUNTS> dns{};  // enum weft_dns_count
};

class EventSource {
  public:
    using Visit = std::function<void(std::span<const std::byte>)>;
    virtual ~EventSource() = default;
    // Visits what is there now, in order. Error kUnavailable while there is no datapath.
    virtual Result<std::size_t> consume(const Visit& visit) = 0;
    virtual Result<KernelCounters> counters() = 0;
};

}  // namespace weft::hubble
