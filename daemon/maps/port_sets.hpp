// Equal sets of port rows share one run of `port_rows`. Gives each distinct set a small id, and a free run to new ones.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/result.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "policy/image.hpp"

namespace weft::maps {

class PortSets {
  public:
    using Id = std::uint32_t;

    explicit PortSets(const KernelState& state);
    PortSets(const PortSets&) = delete;
    PortSets& operator=(const PortSets&) = delete;

    // The id of a run that some table of the state names.
    Id id_of(const PortRun& run) const { return ids_.at(key(run)); }
    // The id of a compiled set. kInternal if the rows do not cover 0 .. WEFT_PORT_NUMBER_MAX in ascending order.
    Result<Id> id_of(const policy::PortRows& rows);
    // Where the set stands, or will stand once `writes()` are done. kExhausted if there is no room for it.
    Result<PortRun> place(Id id);
    // The rows of all sets that place() gave a new run.
    const std::vector<Write>& writes() const { return writes_; }

  private:
    struct Set {
        std::string_view rows;  // bytes of weft_port_row; the key in by_rows_
        PortRun run;            // count 0: not in the kernel
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view rows) const { return std::hash<std::string_view>{}(rows); }
    };
    static std::uint64_t key(const PortRun& run) { return std::uint64_t{run.start} << 32 | run.count; }
    Id intern(std::string_view rows);

    const KernelState& state_;
    std::unordered_map<std::uint64_t, Id> ids_;
    std::unordered_map<std::string, Id, Hash, std::equal_to<>> by_rows_;
    std::string buffer_;  // of the set that is being looked up: an image has many thousands
    std::vector<Set> sets_;
    std::vector<PortRun> free_;
    std::vector<Write> writes_;
};

}  // namespace weft::maps
