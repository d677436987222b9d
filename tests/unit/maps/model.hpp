// Two naive judges, one of images and one of kernel rows, and a kernel in memory that can refuse a write.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/maps/writer.hpp"
#include "policy/image.hpp"

namespace weft::maps::test {

struct Probe {
    IpAddr source, destination;
    std::uint32_t number = 0;  // protocol << 16 | port
};

struct Verdict {
    bool allowed = false;
    bool nobody = false;  // an address of the pod range that no pod has
    std::uint32_t egress_rule = 0, ingress_rule = 0;
    // Of an allowed one, what policies in audit mode say, each direction for itself; nothing: there are none.
    std::optional<std::pair<bool, std::uint32_t>> egress_audit, ingress_audit;
};

// Whether a packet that got `got` cannot be told from one that got `expected`. Between "nobody is there" and "barred"
// there is no difference for a packet.
bool indistinguishable(const Verdict& got, const Verdict& expected);

// What the image says, read as its comments say.
Verdict judge(const policy::Image& image, const Probe& probe);

// What the datapath would do if it read the epoch, the source, the destination and the endpoints and tables at these
// moments, in this order.
Verdict judge(const KernelState& epoch, const KernelState& source, const KernelState& destination,
              const KernelState& tables, const Probe& probe);
inline Verdict judge(const KernelState& at, const Probe& probe) {
    return judge(at, at, at, at, probe);
}

// Room for everything these tests do.
KernelState empty_kernel();

class MemoryKernel : public Writer {
  public:
    // Shared with the test, which outlives the applier that owns this writer.
    struct Shared {
        KernelState rows = empty_kernel();
        std::vector<KernelState> history;  // after each write; the first is from before
        std::vector<Write> writes;
        std::vector<std::size_t> refuse;  // positions in `attempts` to refuse
        std::size_t attempts = 0;
        std::vector<std::size_t>
            waited;  // positions in `history` where a grace period passed: no reader lies on both sides
        int graces = 0;
        bool keep_history = false;
    };
    explicit MemoryKernel(Shared& shared) : shared_(shared) {}
    Result<void> write(const Write& write) override;
    Result<void> grace() override;

  private:
    Shared& shared_;
};

}  // namespace weft::maps::test
