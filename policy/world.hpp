// Everything that a compile reads: a plain value. Objects are shared and immutable, so that copying a world (to try a
// change) copies pointers only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "policy/objects.hpp"
#include "policy/rule.hpp"

namespace weft::policy {

// What the node knows of itself. All lists may be empty.
struct NodeFacts {
    std::uint32_t endpoint = 0;          // stands for the node where policies are asked; 0: it has none
    std::vector<IpAddr> host_addresses;  // of this node
    std::vector<IpAddr> remote_nodes;    // of the other nodes, besides those of Node objects
    std::vector<IpAddr> kube_apiservers;
    std::vector<Cidr> pod_ranges;     // this node's: an address in it without a pod is nobody's
    std::vector<Cidr> no_masquerade;  // traffic to these keeps the pod's address
    friend bool operator==(const NodeFacts&, const NodeFacts&) = default;
};

struct World {
    std::map<std::string, std::shared_ptr<const Namespace>>
        namespaces;  // by name; pods of others see only their metadata.name label
    // By any unique key; "namespace/name" for pods of objects. An endpoint without a Pod object is entered as a pod
    // too.
    std::map<std::string, std::shared_ptr<const Pod>> pods;
    std::map<std::string, std::shared_ptr<const Node>> nodes;             // by name; this node's own too
    std::map<std::string, std::shared_ptr<const CidrGroup>> cidr_groups;  // by name
    std::map<PolicyName, std::shared_ptr<const Policy>> policies;
    NodeFacts node;

    void put(Namespace object);
    void put(Pod object);  // key "namespace/name"
    void put(Node object);
    void put(CidrGroup object);
    void put(Policy object);
};

// Where a world may differ from what it was.
struct WorldChanges {
    bool everything = false;
    bool nodes = false;
    bool groups = false;
    std::set<std::string> pods = {}, namespaces = {};  // keys in the world
    std::set<PolicyName> policies = {};
    bool none() const {
        return !everything && !nodes && !groups && pods.empty() && namespaces.empty() && policies.empty();
    }
};

// The Node object of this node: the one that has an address of it. Nothing if there is none.
std::shared_ptr<const Node> own_node(const World& world);
// Whether the spec is for nodes and this one among them. Without an object it is a node without labels.
bool selects_own_node(const World& world, const Spec& spec);

// Whether the pod is in the set: by its labels and its namespace's. Pods on the host network are in none.
bool selects(const World& world, const PodSet& set, const Pod& pod);

}  // namespace weft::policy
