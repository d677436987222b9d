// Reads back what a daemon before this one left in the maps.
#pragma once

#include "common/result.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::maps {

// kNotFound if a map is not pinned, kInvalid if rows make no sense (another version's: never guessed at).
Result<KernelState> read_kernel(const datapath::Pins& pins);

}  // namespace weft::maps
