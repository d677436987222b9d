// The BPF object that is part of this build.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weft::datapath {

std::span<const std::uint8_t> bpf_object_bytes();
// SHA-256 of the bytes: names the build of the datapath.
std::array<std::uint8_t, 32> bpf_object_digest();

}  // namespace weft::datapath
