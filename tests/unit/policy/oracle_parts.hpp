// What the oracles of the policy kinds have in common: JSON fields, selectors, prefixes, and a packet's ends.
#pragma once

#include <map>
#include <string>

#include "tests/unit/policy/oracle.hpp"

namespace weft::policy::test {

using Strings = std::map<std::string, std::string>;

// The packet from the point of view of one end.
struct Ends {
    bool egress = false;
    const Pod* own = nullptr;
    const Pod* peer = nullptr;      // none: the peer is no pod
    const Pod* receiver = nullptr;  // none: the destination is no pod
    IpAddr peer_ip;
};

inline bool given(const Json& object, const char* name) {
    return object.contains(name) && !object.at(name).is_null();
}
inline const Json& field(const Json& object, const char* name) {
    static const Json kNothing = Json::array();
    return given(object, name) ? object.at(name) : kNothing;
}
inline std::string title(const PolicyName& name) {
    return name.kind + "/" + name.namespace_ + "/" + name.name;
}

bool selected(const Json& selector, const Strings& labels);  // meta/v1 LabelSelector
Strings pod_labels(const Pod& pod);
Strings namespace_labels(const World& world, const std::string& name);
bool inside(const std::string& prefix, const IpAddr& ip);
bool in_any(const std::vector<Cidr>& prefixes, const IpAddr& ip);
int number_of(const std::string& protocol);
// The receiving pod gives this port of this protocol that name.
bool has_named(const Pod* receiver, const std::string& name, const std::string& protocol, int port);
// The nodes' own addresses.
bool is_host(const World& world, const IpAddr& ip);
bool is_remote_node(const World& world, const IpAddr& ip);
// The Node object that has the address; this node's also has those of the node facts.
const Node* node_at(const World& world, const IpAddr& ip);

// What a kind's policies say in one tier.
enum class Says { kNothing, kAllow, kDeny, kPass };
struct TierVerdict {
    Says says = Says::kNothing;
    std::vector<std::string> rules;
};

// ClusterNetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy of a tier ("Admin", "Baseline").
TierVerdict judge_cluster_tier(const World& world, const Packet& packet, const Ends& ends, const std::string& tier);

// What the NetworkPolicy tier's kinds add up to.
struct Gathered {
    std::vector<std::string> allows, denies, isolating;
};
void gather_network_policies(const World& world, const Packet& packet, const Ends& ends, Gathered& out);
void gather_cilium_policies(const World& world, const Packet& packet, const Ends& ends, Gathered& out);

}  // namespace weft::policy::test
