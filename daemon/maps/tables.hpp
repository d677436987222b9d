// Which policy numbers of the kernel stand for an image's compiled policies, and the rows that make them so.
//
// A table that is in force is kept for a policy of the image if, for every class that an address had until now, it
// already gives what the policy gives for what the address becomes. Everything else gets a new number.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "common/result.hpp"
#include "daemon/maps/classes.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "daemon/maps/port_sets.hpp"
#include "policy/image.hpp"

namespace weft::maps {

// Never given to a table: its row says "not in use", so that the datapath drops what is judged by it.
constexpr std::uint32_t kBarredPolicy = WEFT_MAX_POLICIES - 1;

struct TablePlan {
    std::map<std::uint32_t, std::uint32_t> number;  // image policy -> kernel policy; 0 -> 0
    // In the order to write them: port rows, new tables, then rows for fresh classes in the tables in force. None of
    // them is looked at by a packet before an address carries a fresh class or an endpoint names a new table.
    std::vector<Write> writes;
};

// Policy numbers that the epoch in force names.
std::set<std::uint32_t> tables_in_force(const KernelState& state);

// With `known` only what the delta touches is compared: the rest of each table gives what its policy says, as it did
// for the image before. `prefer`: image policy -> kernel policies that its endpoints have now. kExhausted, kInternal as
// in applier.hpp.
Result<TablePlan> plan_tables(const KernelState& state, const policy::Image& image,
                              const std::set<std::uint32_t>& wanted,
                              const std::map<std::uint32_t, std::set<std::uint32_t>>& prefer, ClassPlan& classes,
                              PortSets& sets, const std::optional<Known>& known);

}  // namespace weft::maps
