// Stable numbers for rules, classes, identities and compiled policies. The compiler asks; the daemon remembers them
// across restarts (so that a restart with nothing changed writes nothing). An in-memory one serves tests and the
// command line.
#pragma once

#include <cstdint>
#include <string>

#include "common/result.hpp"

namespace weft::policy {

enum class NumberKind : std::uint8_t { kRule, kClass, kIdentity, kPolicy, kNameList };

class Numbers {
  public:
    virtual ~Numbers() = default;
    // The number of `key`: the one given before, or the lowest free one (identities start at 256, the others at 1).
    // Error kExhausted when there is none below the kind's limit (datapath/abi: WEFT_MAX_...).
    virtual Result<std::uint32_t> number(NumberKind kind, const std::string& key) = 0;
    // The compiler does not use this number any more; a number that is asked for is in use again.
    virtual void unused(NumberKind kind, std::uint32_t number) = 0;
    // Frees the numbers that were not in use at the last call and have not been since.
    virtual void forget_unused() = 0;
};

}  // namespace weft::policy
