// Patterns of DNS names, in one form for all kinds of policies:
//
//   www.example.com    this name
//   a*.example.com     `*` in a label: any number of letters, digits, '-' and '_', also none (Cilium's matchPattern)
//   **.example.com     one or more whole labels before it (ClusterNetworkPolicy's `*.`, Cilium's `**.`)
//   *                  every name
//
// in lower case and without a dot at the end. Equal texts mean equal patterns.
#pragma once

#include <string>
#include <string_view>

#include "common/result.hpp"

namespace weft::policy {

// From what the objects say. Errors (kInvalid) say what is wrong with it, without a place.
Result<std::string> pattern_of_match_name(std::string_view text);     // Cilium's matchName
Result<std::string> pattern_of_match_pattern(std::string_view text);  // Cilium's matchPattern
Result<std::string> pattern_of_domain_name(std::string_view text);    // ClusterNetworkPolicy's domainNames

}  // namespace weft::policy
