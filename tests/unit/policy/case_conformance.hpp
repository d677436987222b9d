// The conformance suite's format (policy-cases/README.md, cnp-conformance) in terms of the other: one world, its steps
// in order, each with a list of single probes.
#pragma once

#include "common/json.hpp"

namespace weft::policy::test {

// `base`: base.json. Addresses are ours to give: 10.244.1.1 and up, 172.18.0.11 and up for pods on the host network,
// each of which is alone on a node with the label kubernetes.io/os=linux.
Json case_of_conformance(const Json& test, const Json& base);

}  // namespace weft::policy::test
