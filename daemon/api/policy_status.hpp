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
    // What is selected: pods of this node, or the node itself, and all pods that are known.
    struct Selected {
        std::size_t here = 0, known = 0;
        bool nodes = false;  // it is for nodes
    };
    Selected selected_by(const policy::Policy& policy) const;
    void select(const policy::PodSet& subject, std::vector<const policy::Pod*>& out) const;
    Json rules_of(const policy::PolicyName& name) const;

    policy::World world_;
    std::map<std::string, std::vector<const policy::Pod*>, std::less<>> pods_of_;  // of world_, by namespace
    std::map<reconcile::ObjectName, std::string> sources_;
    std::map<std::uint32_t, policy::RuleInfo> rules_;
    std::map<policy::PolicyName, std::vector<std::uint32_t>> rules_of_;
    reconcile::Counters counters_;
    RuleCounts counts_;
    std::vector<watch::FileStatus> refused_;
};

}  // namespace weft::api
