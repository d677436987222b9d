// A fuzz target: one function over any bytes. Built for libFuzzer (WEFT_FUZZ) it is a program of its own; else all
// targets are in the test program unit.fuzz_replay, which gives them their corpus and changed copies of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace weft::fuzz {

using Bytes = std::span<const std::uint8_t>;

inline std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What must hold for every input. The exception ends a libFuzzer run with the input, and fails the replay.
inline void require(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

struct Target {
    std::string_view name;
    void (*run)(Bytes input);
};

std::vector<Target>& targets();

struct Registration {
    Registration(std::string_view name, void (*run)(Bytes)) { targets().push_back({name, run}); }
};

}  // namespace weft::fuzz

#ifdef WEFT_LIBFUZZER
#define WEFT_FUZZ_TARGET(name, run)                                                     \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
        run({data, size});                                                              \
        return 0;                                                                       \
    }
#else
#define WEFT_FUZZ_TARGET(name, run) static const weft::fuzz::Registration name##_registration(#name, run);
#endif
