// A rule as JSON: one form for the API, the metadata stream and the command line.
#pragma once

#include "common/json.hpp"
#include "policy/image.hpp"

namespace weft::policy {

// {"id", "direction", "index", "path", "tier", "priority", "default_deny", "policies", "kind", "namespace", "name"};
// the last three are the first policy's.
Json rule_json(std::uint32_t id, const RuleInfo& rule);

}  // namespace weft::policy
