// Rules that decide nothing, because another rule decides all that they match.
#pragma once

#include <optional>

#include "policy/world.hpp"

namespace weft::policy {

struct Shadow {
    struct Place {
        PolicyName policy;  // whose rule it is
        std::string rule;   // that rule's place
        friend auto operator<=>(const Place&, const Place&) = default;
    };
    std::vector<Place> rules;  // one, or several that cover it together
    bool agrees = true;        // they do the same; else one does the opposite, or passes on
};

// The rule, or the rules peer by peer and port by port, that stand before `spec.rules[index]` of `policy`, in `policy`
// itself or in another one of `world` that is for all the same pods. Of two rules that say the same in one policy, the
// second is shadowed; in two policies, each. Ranges are not put together: a rule for ports 1 to 9 is not seen to be
// covered by one for 1 to 5 and one for 6 to 9, nor a prefix by its halves.
std::optional<Shadow> shadow_of(const Policy& policy, const Spec& spec, std::size_t index, const World& world);

}  // namespace weft::policy
