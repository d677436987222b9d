// Things that are valid but probably not meant.
#pragma once

#include <string>
#include <vector>

#include "policy/world.hpp"

namespace weft::policy {

struct Warning {
    std::string path;  // JSON path in the policy object
    std::string text;
    friend bool operator==(const Warning&, const Warning&) = default;
};

// What stands out about `policy` in `world` (which may or may not hold it already).
std::vector<Warning> lint(const Policy& policy, const World& world);

}  // namespace weft::policy
