// A 128-bit digest for keys that would otherwise be long (classes, compiled policies). Not cryptographic: within a
// compile, two different things with one digest are detected and reported; between compiles the chance is that of 128
// bits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::policy {

struct Digest {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    static Digest of(std::string_view bytes);
    // Digest of a set from those of its elements: the order of adding is of no account.
    void add(const Digest& element);
    void subtract(const Digest& element);  // one that was added
    std::string hex() const;
    friend auto operator<=>(const Digest&, const Digest&) = default;
};

// FNV-1a over words, finished by a mixer: for hash tables of number lists.
template <typename Words>
std::size_t hash_words(const Words& words) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const auto word : words) hash = (hash ^ static_cast<std::uint64_t>(word)) * 0x100000001b3ULL;
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15ULL;
    return static_cast<std::size_t>(hash ^ (hash >> 29));
}

}  // namespace weft::policy
