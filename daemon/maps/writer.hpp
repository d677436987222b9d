// The only way to the kernel from maps. Tiny, so that a test's writer can hold rows in memory and refuse any one write.
#pragma once

#include <optional>
#include <span>

#include "common/result.hpp"
#include "daemon/maps/kernel_state.hpp"

namespace weft::maps {

struct Written {
    std::size_t rows = 0;        // from the first on, each of which is in the kernel now
    std::optional<Error> error;  // of the next one, which is not; the others were not tried
};

class Writer {
  public:
    virtual ~Writer() = default;
    // One row, wholly or not at all. PutEpoch is one 8-byte store and cannot fail halfway.
    virtual Result<void> write(const Write& write) = 0;
    // One row after the other, until one fails.
    virtual Written write_all(std::span<const Write> writes) {
        Written out;
        for (const auto& one : writes) {
            if (auto written = write(one); !written) {
                out.error = std::move(written).error();
                break;
            }
            ++out.rows;
        }
        return out;
    }
    // Returns when every packet that was being judged at the call has been judged (an RCU grace period). Any thread.
    virtual Result<void> grace() = 0;
};

}  // namespace weft::maps
