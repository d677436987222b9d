// The naive evaluator: NetworkPolicy as its API text says, over the objects as they were written (JSON), one packet at
// a time. It shares nothing with the compiler but address parsing: no classes, no selectors of policy/, no parsed
// rules.
#pragma once

#include "policy/world.hpp"

namespace weft::policy::test {

struct Packet {
    IpAddr source;
    IpAddr destination;
    std::string protocol;  // "TCP", "UDP", "SCTP" or another such as "ICMP"
    int port = 0;
};

struct OracleVerdict {
    bool egress = true;                     // the source's policies let it go
    bool ingress = true;                    // the destination's let it in
    std::vector<std::string> egress_rules;  // keys of the rules that allow it ("ns/name/egress/0")
    std::vector<std::string> ingress_rules;
    bool egress_isolated = false;
    bool ingress_isolated = false;
};

OracleVerdict judge(const World& world, const Packet& packet);

}  // namespace weft::policy::test
