// Loads the BPF object once and pins it, or finds it pinned. The only code besides attach, map and ring that calls
// libbpf.
#pragma once

#include <cstdint>

#include "common/result.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::datapath {

// Sizes are fixed when the maps are made. Another size later is refused: the maps hold live connections.
struct Sizes {
    std::uint32_t flows4 = 524288;  // entries, a power of two, at least 64; a connection owns two
    std::uint32_t flows6 = 262144;
    // Connections wait here for their first answer only. Small, so that it stays in the cache: opening a connection
    // writes random lines of it.
    std::uint32_t half_open4 = 32768;
    std::uint32_t half_open6 = 16384;
    std::uint32_t ring_bytes = 4U << 20;
    std::uint32_t addresses = 262144;  // rows of addr4, addr6 each
    std::uint32_t cidrs = 65536;       // rows of cidr4, cidr6 each
};

enum class Loaded { kReused, kReplaced, kFresh };  // pins found as they are / programs replaced, maps kept / all new

// Makes sure that the maps and programs of this build are pinned under `pins`. With the same object already pinned it
// writes nothing. With another build's object it keeps the maps (same ABI version), loads the new programs, and
// replaces the program of every pinned link atomically. Errors: kInvalid for maps of another ABI version or size, with
// what to do; kSystem with the verifier's whole log.
Result<Loaded> ensure_loaded(const Pins& pins, const Sizes& sizes);

// One pass over the flow tables in the kernel: ends idle connections, sends their close events.
struct AgeResult {
    std::uint64_t live4 = 0, live6 = 0, aged = 0;
};
Result<AgeResult> age_flows(const Pins& pins);

// The flow tables' clock (weft_flow4::last_seen) and its rate.
Result<std::uint32_t> read_clock(const Pins& pins);
std::uint32_t ticks_per_second();

// Removes everything under `pins`. The kernel frees it when no device uses it any more.
Result<void> unload(const Pins& pins);

}  // namespace weft::datapath
