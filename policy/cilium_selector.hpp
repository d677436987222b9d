// Cilium's selectors: labels with a source ("k8s:app", "any:app", "reserved:host"), the pod's namespace and the
// namespace's labels among them.
#pragma once

#include <optional>

#include "policy/rule.hpp"

namespace weft::policy {

// What a selector of endpoints stands for.
struct EndpointSelection {
    PodSet pods;
    std::vector<Peer> entity;  // when it names a reserved label: then that entity (nothing, when nobody is one)
    bool is_entity = false;
};

// `own`: the policy's namespace, which a selector means that says nothing of namespaces; empty: the policy has none.
Result<EndpointSelection> parse_endpoint_selector(const JsonView& view, const std::string& own);

// endpointSelector: pods of the policy's own namespace only.
Result<PodSet> parse_subject_selector(const JsonView& view, const std::string& own);

// nodeSelector, and those of fromNodes and toNodes.
Result<LabelSelector> parse_node_selector(const JsonView& view);

// "world", "host", ...: what it stands for. Nothing: everybody.
Result<std::optional<std::vector<Peer>>> parse_entity(const JsonView& view);

}  // namespace weft::policy
