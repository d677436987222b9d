// YAML to JSON, as kubectl reads it: plain scalars become null, booleans, numbers or strings by YAML 1.1's rules as
// Kubernetes applies them (yes, no, on, off are booleans), quoted ones are strings, keys are strings, `<<` merges.
#pragma once

#include <string_view>
#include <vector>

#include "common/json.hpp"

namespace weft {

struct YamlLimits {
    std::size_t bytes = 8U << 20;
    std::size_t nodes = 1'000'000;  // after aliases are put in: what a small file can blow itself up to
    int depth = 64;
};

// The documents of the text, empty ones left out. Errors: kInvalid with line and column.
Result<std::vector<Json>> parse_yaml(std::string_view text, const YamlLimits& limits = {});

}  // namespace weft
