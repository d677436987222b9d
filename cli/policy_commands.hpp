// Subcommands of `weft policy` that have files of their own.
#pragma once

#include "cli/program.hpp"

namespace weft::cli {

inline constexpr const char* kPolicyKinds[] = {"NetworkPolicy",       "ClusterNetworkPolicy",
                                               "AdminNetworkPolicy",  "BaselineAdminNetworkPolicy",
                                               "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"};

void add_validate(Program& program, CLI::App& parent);
void add_policy_test(Program& program, CLI::App& parent);
void add_policy_status(Program& program, CLI::App& parent);
void add_recommend(Program& program, CLI::App& parent);

// The status of the policy of this kind, namespace and name; null when weftd has none.
Result<Json> status_of(Context& context, const Json& name);

}  // namespace weft::cli
