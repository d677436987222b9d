// Rules by DNS names in the maps `dns_rows` and `dns_automata`: what of an image is to be written, and what nobody
// needs.
//
// An automaton that changes goes to the place that is not in force, and its classes have numbers of their own (the
// lowest bit is the place's), so the rows of both stand side by side until the epoch says which is meant.
#pragma once

#include <vector>

#include "common/result.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "daemon/maps/port_sets.hpp"
#include "policy/image.hpp"

namespace weft::maps {

struct NamePlan {
    std::vector<Write> writes;  // read by no packet before the epoch or a port row leads there
    bool flips = false;         // the other automaton is to be in force
    PortSets::Lists lists;      // a number in the kernel stands for one content as long as anything names it
};

// `before`: the lists of the image that is in force, as far as they are known. kExhausted: there is no room.
Result<NamePlan> plan_names(const KernelState& state, const policy::Image& image, const PortSets::Lists& before);

// Erasures of rows of lists that no port row names, and of the automaton that is not in force. After a grace period.
std::vector<Write> unreachable_names(const KernelState& state);

}  // namespace weft::maps
