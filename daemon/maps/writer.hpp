// The only way to the kernel from maps. Tiny, so that a test's writer can hold rows in memory and refuse any one write.
#pragma once

#include "common/result.hpp"
#include "daemon/maps/kernel_state.hpp"

namespace weft::maps {

class Writer {
  public:
    virtual ~Writer() = default;
    // One row, wholly or not at all. PutEpoch is one 8-byte store and cannot fail halfway.
    virtual Result<void> write(const Write& write) = 0;
    // Returns when every packet that was being judged at the call has been judged (an RCU grace period). Any thread.
    virtual Result<void> grace() = 0;
};

}  // namespace weft::maps
