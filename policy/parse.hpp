// From JSON to objects, with the checks that the API server makes. Errors: kInvalid with the JSON path.
//
// Unknown fields are errors in policies (a misspelt field would silently open or close something), and so are fields
// that cannot be enforced; server-filled metadata and `status` are let pass. Of Pods, Namespaces and Nodes only what is
// used is looked at.
#pragma once

#include <variant>
#include <vector>

#include "policy/objects.hpp"
#include "policy/rule.hpp"

namespace weft::policy {

using Object = std::variant<Pod, Namespace, Node, CidrGroup, Policy>;

inline constexpr std::size_t kMaxListItems = 100'000;

// Kind, namespace and name: of two objects with one name, one takes the other's place.
PolicyName name_of(const Object& object);

// An object of a known kind, or a v1 List (PodList, ...) of such: all of them, or the first error.
Result<std::vector<Object>> parse_objects(const JsonView& view);
Result<Object> parse_object(const JsonView& view);

Result<Pod> parse_pod(const JsonView& view);
Result<Namespace> parse_namespace(const JsonView& view);
Result<Node> parse_node(const JsonView& view);
Result<Policy> parse_network_policy(const JsonView& view);
Result<Policy> parse_cluster_network_policy(const JsonView& view);         // v1alpha2
Result<Policy> parse_admin_network_policy(const JsonView& view);           // v1alpha1
Result<Policy> parse_baseline_admin_network_policy(const JsonView& view);  // v1alpha1
Result<Policy> parse_cilium_network_policy(const JsonView& view);
Result<Policy> parse_cilium_clusterwide_network_policy(const JsonView& view);
Result<CidrGroup> parse_cidr_group(const JsonView& view);

// "TCP", "UDP", "SCTP" to the IP protocol number.
Result<std::uint8_t> parse_protocol(const JsonView& view);

struct Metadata {
    std::string name;
    std::string namespace_;  // "default" when the object names none and is of a namespace
    std::string uid;
    Labels labels;
};

// metadata of an object of a kind that lives in a namespace, or in none; a Namespace's name is a shorter one.
enum class Scope { kNamespaced, kCluster, kNamespace };
Result<Metadata> parse_metadata(const JsonView& object, Scope scope);

}  // namespace weft::policy
