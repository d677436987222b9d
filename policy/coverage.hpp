// Whether one part of a rule takes in all of another: what a rule behind it could still decide. Only what the objects
// themselves say counts, not which pods there are; "no" may also mean that it cannot be told.
#pragma once

#include "policy/rule.hpp"

namespace weft::policy {

// Everything that `narrow` matches, `wide` matches too.
bool covers(const LabelSelector& wide, const LabelSelector& narrow);
bool covers(const PodSet& wide, const PodSet& narrow);
bool covers(const Peer& wide, const Peer& narrow);
bool covers_subject(const Spec& wide, const Spec& narrow);
bool covers(const PortMatch& wide, const PortMatch& narrow);
// Peers and ports of two rules of one direction. That `constrained` rules match less when others require something is
// not looked at.
bool covers(const Rule& wide, const Rule& narrow);

}  // namespace weft::policy
