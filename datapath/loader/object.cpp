#include "datapath/loader/object.hpp"

#include <openssl/sha.h>

// libbpf reads the ELF headers in place: aligned.
asm(R"(
.section .rodata
.balign 16
weft_bpf_object_begin:
.incbin ")" WEFT_BPF_OBJECT R"("
weft_bpf_object_end:
.byte 0
.previous
)");

extern "C" const std::uint8_t weft_bpf_object_begin[];
extern "C" const std::uint8_t weft_bpf_object_end[];

namespace weft::datapath {

std::span<const std::uint8_t> bpf_object_bytes() {
    return {weft_bpf_object_begin, weft_bpf_object_end};
}

std::array<std::uint8_t, 32> bpf_object_digest() {
    std::array<std::uint8_t, 32> digest{};
    const auto bytes = bpf_object_bytes();
    SHA256(bytes.data(), bytes.size(), digest.data());
    return digest;
}

}  // namespace weft::datapath
