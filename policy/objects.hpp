// Kubernetes objects as far as policy needs them.
#pragma once

#include <string>
#include <vector>

#include "common/ip_addr.hpp"
#include "policy/selector.hpp"

namespace weft::policy {

// Every namespace carries this label with its own name as value, whatever the object says.
inline constexpr std::string_view kNamespaceNameLabel = "kubernetes.io/metadata.name";

struct Namespace {
    std::string name;
    Labels labels;  // with kNamespaceNameLabel
    friend bool operator==(const Namespace&, const Namespace&) = default;
};

struct Node {
    std::string name;
    Labels labels;
    std::vector<IpAddr> addresses;  // status.addresses that are addresses; sorted, unique
    friend bool operator==(const Node&, const Node&) = default;
};

// CiliumCIDRGroup.
struct CidrGroup {
    std::string name;
    Labels labels;
    std::vector<Cidr> cidrs;  // sorted, unique
    friend bool operator==(const CidrGroup&, const CidrGroup&) = default;
};

struct NamedPort {
    std::string name;
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    friend auto operator<=>(const NamedPort&, const NamedPort&) = default;
};

struct Pod {
    std::string namespace_;
    std::string name;
    std::string uid;
    std::string node;  // spec.nodeName
    Labels labels;
    std::vector<IpAddr> addresses;  // none once the pod has finished (its addresses may belong to another by then)
    std::vector<NamedPort> ports;   // only those with a name; sorted, unique
    bool host_network = false;      // lives at its node's address: neither subject nor peer of a NetworkPolicy
    std::uint32_t endpoint = 0;     // number of the local endpoint; filled by the daemon
    friend bool operator==(const Pod&, const Pod&) = default;
};

}  // namespace weft::policy
