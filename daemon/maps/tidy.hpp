// What a transaction leaves behind: rows that nobody reads any more, and classes that became one. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "daemon/maps/class_map.hpp"
#include "daemon/maps/kernel_state.hpp"

namespace weft::maps {

// Erasures of rows that no packet can see which begins now. Do them one grace period later.
std::vector<Write> unreachable_rows(const KernelState& state);

// Moves of addresses, so that each image class is one class of the kernel again; then a new generation, for the
// programs remember classes for one (`decisions`), and the old class may soon mean another. The tables in force must be
// those of the image that `classes` belongs to, for more than a grace period.
std::vector<Write> merged_classes(const KernelState& state, const ClassMap& classes);

}  // namespace weft::maps
