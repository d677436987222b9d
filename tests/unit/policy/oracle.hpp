// The naive evaluator: every kind of policy as its API text says, over the objects as they were written (JSON), one
// packet at a time. It shares nothing with the compiler but address parsing: no classes, no selectors of policy/, no
// parsed rules.
#pragma once

#include "policy/world.hpp"

namespace weft::policy::test {

struct Packet {
    IpAddr source;
    IpAddr destination;
    std::string protocol;  // "TCP", "UDP", "SCTP" or another such as "ICMP"
    int port = 0;          // of ICMP the type
};

// One end's verdict.
struct OracleSide {
    bool judged = false;  // the end is a pod of this node, and the traffic is not exempt
    bool allow = true;
    // What may be named as the rule that decided, "Kind/ns/name spec.ingress[0]"; several when allow rules add up.
    std::vector<std::string> rules;
    // Nothing decided, but these isolate the pod: "Kind/ns/name", in order.
    std::vector<std::string> isolating;
};

struct OracleVerdict {
    OracleSide egress, ingress;
};

OracleVerdict judge(const World& world, const Packet& packet);

// The world without its policies in audit mode: what is enforced. All of the world is what would be.
World enforced(const World& world);

}  // namespace weft::policy::test
