// A cluster for the policy benchmark, from a fixed seed: what a node of a large, well isolated cluster sees.
//
//   400 namespaces with labels team (20 of them) and env (3)
//   25 apps in each, of 200 names and 3 tiers, 10 revisions each (version, pod-template-hash): 100,000 label sets, a
//   pod each at an address of 10.0.0.0/9; one app in three names its port "web" 25 policies a namespace, 10,000 in all:
//     1 denies all that is not allowed (both directions), and allows DNS to the pods of kube-system
//     1 lets the monitoring namespace reach the named port "metrics" of all
//     22 of one app: TCP 8080 from another app of the namespace; three in ten also from the front tier of a team's
//       namespaces, two in ten from an ipBlock with an except; half have egress to a third app, 15 in 100 also to an
//       address outside; one in ten is written as a CiliumNetworkPolicy
//     1 is a ClusterNetworkPolicy in every seventh namespace (by turns Admin and Baseline, of a team's namespaces), and
//       one more of an app in the others
//   110 local pods in 50 namespaces, replicas of pods elsewhere: their labels are known
#pragma once

#include <random>
#include <string>
#include <vector>

#include "common/json.hpp"
#include "policy/world.hpp"

namespace weft::bench {

class PolicyCluster {
  public:
    static constexpr std::size_t kNamespaces = 400, kApps = 25, kRevisions = 10, kPoliciesEach = 25;
    static constexpr std::size_t kLabelSets = kNamespaces * kApps * kRevisions;
    static constexpr std::size_t kLocalPods = 110, kLocalNamespaces = 50;

    Json name_space(std::size_t number) const;
    // Pod `number` of another node; its label set is its own.
    Json pod(std::size_t number) const;
    // Policy `number` of the 10,000, or one more beyond them: of an app that has a local pod.
    Json policy(std::size_t number);

    struct Place {
        std::size_t in, app;
    };
    static Place local(std::size_t number) { return {number % kLocalNamespaces, number / kLocalNamespaces * 2}; }
    // The labels of local pod `number`: those of a revision of its app that runs elsewhere too.
    policy::Labels local_labels(std::size_t number) const;
    static std::string namespace_name(std::size_t number) { return fmt::format("ns-{}", number); }
    // Everything but the local pods, parsed.
    Result<policy::World> world();

  private:
    static std::string app(std::size_t in, std::size_t number);
    static std::string tier(std::size_t number);
    policy::Labels labels(std::size_t in, std::size_t app_number, std::size_t revision) const;
    Json app_policy(const std::string& name, std::size_t in, std::size_t subject);
    Json cilium_policy(const std::string& name, std::size_t in, std::size_t subject) const;
    static Json cluster_policy(std::size_t number);
    std::size_t below(std::size_t limit) { return random_() % limit; }

    std::mt19937 random_{20261123};
};

}  // namespace weft::bench
