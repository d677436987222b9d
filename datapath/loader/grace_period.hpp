// Waits for an RCU grace period: every BPF program that ran at the call has returned.
#pragma once

#include "common/result.hpp"

namespace weft::datapath {

// 8 to 16 ms here. kUnavailable if this kernel offers no way.
Result<void> wait_grace_period();

}  // namespace weft::datapath
