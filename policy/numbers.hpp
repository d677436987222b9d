// Stable numbers for rules, classes, identities and compiled policies. The compiler asks; the daemon remembers them
// across restarts (so that a restart with nothing changed writes nothing). An in-memory one serves tests and the
// command line.
#pragma once

#include <cstdint>
#include <string>

#include "common/result.hpp"

namespace weft::policy {

enum class NumberKind : std::uint8_t { kRule, kClass, kIdentity, kPolicy };

class Numbers {
  public:
    virtual ~Numbers() = default;
    // The number of `key`: the one given before, or the lowest free one (identities start at 256, the others at 1).
    // Error kExhausted when there is none below the kind's limit (datapath/abi: WEFT_MAX_...).
    virtual Result<std::uint32_t> number(NumberKind kind, const std::string& key) = 0;
    // Frees every number of the kind whose key was not asked for since the last call. Called after a compile was
    // applied.
    virtual void forget_unused() = 0;
};

}  // namespace weft::policy
