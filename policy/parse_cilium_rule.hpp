// One rule of a CiliumNetworkPolicy: an entry of ingress, ingressDeny, egress or egressDeny.
#pragma once

#include "policy/parse_rules.hpp"

namespace weft::policy {

// `rule` has direction, action, list and index already. `own`: the policy's namespace, empty for a clusterwide one.
Result<Rule> parse_cilium_rule(const JsonView& view, Rule rule, const std::string& own);

// A prefix, or an address for one of full length.
Result<Cidr> parse_cilium_cidr(const JsonView& view);

}  // namespace weft::policy
