// A PolicyTest document: what the objects beside it are expected to allow and deny (docs/policy-test.md). Checked by
// the compiler and the tables that are enforced, without a kernel or a daemon.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/explain.hpp"
#include "policy/parse.hpp"
#include "policy/world.hpp"

namespace weft::policy {

// What is said of the rule that decides; what is not given may be anything.
struct RuleExpectation {
    std::optional<std::string> kind, namespace_, name, direction, path;
    std::optional<bool> default_deny;  // kind, namespace and name are then of one of the policies that isolate
};

struct Expectation {
    std::string name;      // for people; may be empty
    std::string from, to;  // "namespace/name" of a pod, "name" of one in `default`, or an address
    std::uint8_t protocol = kTcp;
    std::uint16_t port = 0;  // of ICMP the type
    std::string port_name;   // of the pod that receives, when given
    bool allow = true;
    std::optional<bool> audit;  // whether it would be allowed, were the policies in audit mode enforced
    std::optional<RuleExpectation> rule;
};

struct PolicyTest {
    std::string name;
    std::vector<std::string> files;  // with more objects, relative to this one
    NodeFacts node;
    std::vector<Expectation> expectations;
};

bool is_policy_test(const Json& document);
Result<PolicyTest> parse_policy_test(const JsonView& view);

// Makes every pod a local one, with an address of each family in the node's pod ranges if it has none of that family.
// Pods of the host network are left as they are. Error kExhausted when a range is too small.
Result<World> world_of(const std::vector<Object>& objects, const NodeFacts& node);

struct Outcome {
    bool passed = false;
    bool allow = false;            // what the policies say
    IpAddr source, destination;    // of the family that is reported: the first that differs, or the first
    std::optional<RuleInfo> rule;  // that decided; none: no policy isolates, or the traffic is exempt
    std::optional<bool> audit;     // what policies in audit mode say; none: none is asked
    std::optional<RuleInfo> audit_rule;
    std::string problem;  // empty when it passed
};

// The rule that decided: of the direction that denied, else of ingress, else of egress. Null: none.
const RuleInfo* deciding_rule(const Image& image, const Explanation& said);
const RuleInfo* deciding_rule(const Image& image, const AuditVerdict& said);

// Checks one expectation in every family that both ends have. Errors: kNotFound for an end that is not there,
// kInvalid for ends without a common family.
Result<Outcome> check(const World& world, const Image& image, const Expectation& wanted);

}  // namespace weft::policy
