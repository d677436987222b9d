#include "policy/digest.hpp"

#include <fmt/format.h>

#include <cstring>

namespace weft::policy {

namespace {

// Finisher of splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

}  // namespace

Digest Digest::of(std::string_view bytes) {
    Digest out{0x9e3779b97f4a7c15ULL ^ bytes.size(), 0xd1b54a32d192ed03ULL + bytes.size()};
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
        out.high = mix(out.high ^ word) + 0x9e3779b97f4a7c15ULL;
        out.low = mix(out.low + word * 0xff51afd7ed558ccdULL) ^ (out.high >> 7);
    }
    return {mix(out.high), mix(out.low)};
}

void Digest::add(const Digest& element) {
    low += element.low;
    high += element.high + (low < element.low ? 1 : 0);
}

void Digest::subtract(const Digest& element) {
    high -= element.high + (low < element.low ? 1 : 0);
    low -= element.low;
}

std::string Digest::hex() const {
    return fmt::format("{:016x}{:016x}", high, low);
}

}  // namespace weft::policy
