// Equal sets of port rows share one run of `port_rows`. Gives each distinct set a small id, and a free run to new ones.
// It lives from plan to plan: what a plan placed counts once it is committed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
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

    // The kernel's numbers of the lists of names of the image at hand, with their content: from here on id_of() gives
    // rows these numbers. Those of the image that was committed last: to be kept as long as a list says the same.
    using Lists = std::map<std::uint32_t, std::pair<policy::NameList, std::uint32_t>>;  // by the image's number
    void set_lists(Lists lists) { planned_lists_ = std::move(lists); }
    const Lists& lists() const { return lists_; }

    // A plan begins: what was placed and not committed is forgotten.
    void begin();
    // What was placed stands in the kernel now, and tables name it.
    void commit();
    // No table names the run any more, and no packet reads it.
    void free(const PortRun& run);
    // Most of the sets that it knows stand nowhere: make it anew.
    bool stale() const { return sets_.size() > 2 * ids_.size() + 4096; }

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

    std::uint32_t rules_, port_rows_;  // how many there may be
    std::unordered_map<std::uint64_t, Id> ids_;
    std::unordered_map<std::string, Id, Hash, std::equal_to<>> by_rows_;
    std::string buffer_;  // of the set that is being looked up: an image has many thousands
    std::vector<Set> sets_;
    std::vector<PortRun> free_, free_before_;  // ascending; now, and without what is not committed
    Lists lists_, planned_lists_;
    std::vector<Id> placed_;
    std::vector<Write> writes_;
};

}  // namespace weft::maps
