// Things that are valid but probably not meant: what a policy does not do, or does beyond what it seems to.
#pragma once

#include <string>
#include <vector>

#include "policy/parse.hpp"
#include "policy/world.hpp"

namespace weft::policy {

enum class WarningKind {
    kSelectsNoPod,     // of all pods that are known
    kNoPeer,           // the rule matches nothing, or its peer no pod that is known
    kUnknownPortName,  // no pod that is known has it
    kShadowed,         // another rule decides all that it matches
    kCoversPods,       // addresses that are pods' own
    kNoApiServer,      // no address of one is known
    kDeniesDns,        // isolates for egress, and nothing opens port 53
    kNotAsked,  // rules of a direction that policyTypes leaves out, a type of ICMP about which no policy is asked
};
std::string_view to_string(WarningKind kind);  // "selects-no-pod", ...

struct Warning {
    std::string path;  // JSON path in the policy object
    WarningKind kind;
    std::string text;
    friend bool operator==(const Warning&, const Warning&) = default;
};

// What the warnings are about.
enum class Known {
    kPolicies,  // the world holds policies; of pods and nodes nothing is known
    kAll,       // the world is what this node knows of the cluster
};

// What stands out about `policy` in `world` (which may or may not hold it already; a policy of its name is taken to be
// replaced by it).
std::vector<Warning> lint(const Policy& policy, const World& world, Known known = Known::kAll);

// What stands out about the policies of `objects` once all of these are in `world`: [{"object": "NetworkPolicy
// shop/web", "path", "kind", "message"}].
Json warnings_json(const std::vector<Object>& objects, World world, Known known = Known::kAll);

}  // namespace weft::policy
