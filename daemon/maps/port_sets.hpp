// Equal sets of port rows share one run of `port_rows`. Gives each distinct set a small id, and a free run to new ones.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "policy/image.hpp"

namespace weft::maps {

class PortSets {
  public:
    using Id = std::uint32_t;

    explicit PortSets(const KernelState& state);

    // The id of a run that some table of the state names.
    Id id_of(const PortRun& run) const { return ids_.at(run); }
    // The id of a compiled set. kInternal if the rows do not cover 0 .. WEFT_PORT_NUMBER_MAX in ascending order.
    Result<Id> id_of(const policy::PortRows& rows);
    // Where the set stands, or will stand once `writes()` are done. kExhausted if there is no room for it.
    Result<PortRun> place(Id id);
    // The rows of all sets that place() gave a new run.
    const std::vector<Write>& writes() const { return writes_; }

  private:
    struct Set {
        std::string rows;  // bytes of weft_port_row
        PortRun run;       // count 0: not in the kernel
    };
    Id intern(std::string rows);

    const KernelState& state_;
    std::map<PortRun, Id> ids_;
    std::map<std::string, Id, std::less<>> by_rows_;
    std::map<const policy::PortRows*, Id> by_address_;  // an image's sets are asked for many times
    std::vector<Set> sets_;
    std::vector<PortRun> free_;
    std::vector<Write> writes_;
};

}  // namespace weft::maps
