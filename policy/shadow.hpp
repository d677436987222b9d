// Rules that decide nothing, because another rule decides all that they match.
#pragma once

#include <optional>

#include "policy/world.hpp"

namespace weft::policy {

struct Shadow {
    PolicyName policy;   // whose rule it is
    std::string place;   // that rule's
    bool agrees = true;  // it does the same; else it does the opposite, or passes on
};

// The rule that stands before `spec.rules[index]` of `policy`, in `policy` itself or in another one of `world` that is
// for all the same pods. Of two rules that say the same in one policy, the second is shadowed; in two policies, each.
std::optional<Shadow> shadow_of(const Policy& policy, const Spec& spec, std::size_t index, const World& world);

}  // namespace weft::policy
