// What became of a policy object: whether it is in force here, for how many pods, and what its rules counted.
#pragma once

#include "daemon/api/context.hpp"
#include "daemon/maps/counters.hpp"

namespace weft::api {

using RuleCounts = std::map<std::uint32_t, maps::RuleCount>;

// policy::rule_json with what the rule counted.
Json counted_rule_json(std::uint32_t id, const policy::RuleInfo& rule, const RuleCounts& counts);

// Copies what is needed, so that no change waits while the answers are made.
class PolicyStatuses {
  public:
    // Error when the counters cannot be read.
    static Result<PolicyStatuses> read(Context& context);

    // Null when there is no such policy.
    Json of(const policy::PolicyName& name) const;
    // All policies, by name; then the files of the objects directory whose present contents were refused.
    Json all() const;

  private:
    Json rules_of(const policy::PolicyName& name) const;

    policy::World world_;
    std::map<reconcile::ObjectName, std::string> sources_;
    std::map<std::uint32_t, policy::RuleInfo> rules_;
    std::map<policy::PolicyName, std::vector<std::uint32_t>> rules_of_;
    reconcile::Counters counters_;
    RuleCounts counts_;
    std::vector<watch::FileStatus> refused_;
};

}  // namespace weft::api
