// From flows to the NetworkPolicies that allow them and little else, and the proof: the flows, asked of the compiled
// policies.
//
// Pods of one namespace with the same labels are one group, and a group has one policy. Peers with the same ports share
// a rule, addresses that fill a prefix share it. What a flow's ends have in common with others by labels alone, a
// policy cannot tell apart: it may allow more than was seen, never less.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "policy/observed_flow.hpp"

namespace weft::policy {

struct RecommendOptions {
    std::string only_namespace = {};  // policies for pods of this one; empty: of all
    bool ingress = true, egress = true;
};

struct Recommendation {
    std::vector<Json> policies;       // NetworkPolicy objects, by namespace and name
    std::size_t replayed = 0;         // different connections
    std::vector<std::string> denied;  // connections that the policies do not allow: none, or the proof failed
    std::size_t other_owner = 0;      // connections of an address that another pod had later: left out
    // Namespaces with pods without labels that would need a policy, or are peers: a NetworkPolicy tells them from no
    // other pod of the namespace. They get none, as peers they stand for all of it.
    std::set<std::string> unlabelled, unlabelled_peers;
};

// The newest flow last: what it says of an address holds.
Result<Recommendation> recommend(const std::vector<ObservedFlow>& flows, const RecommendOptions& options);

}  // namespace weft::policy
