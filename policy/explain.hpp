// Which rule would decide about a new connection: read from the same tables that are enforced.
#pragma once

#include <optional>

#include "common/result.hpp"
#include "policy/image.hpp"

namespace weft::policy {

struct DirectionVerdict {
    Direction direction = Direction::kEgress;
    bool allow = false;
    bool by_default = false;
    std::uint32_t endpoint = 0;  // the local pod whose policy it is, or the node
    std::uint32_t policy = 0;    // compiled policy; 0: the pod is not isolated in this direction
    std::uint32_t rule = 0;      // 0: not isolated, or the traffic is exempt
};

enum class Exemption {
    kNone,
    kSamePod,  // a pod always reaches itself, and so does the node
    kHost,     // from the node itself to its pod
};

// What would be, were the policies in audit mode enforced. As there, ingress is judged whatever egress says.
struct AuditVerdict {
    bool allow = false;
    std::optional<DirectionVerdict> egress, ingress;
};

struct Explanation {
    bool allow = false;
    Exemption exemption = Exemption::kNone;
    Address source;
    Address destination;
    std::optional<DirectionVerdict> egress;   // none: the source is no local pod, nor this node, or exempt
    std::optional<DirectionVerdict> ingress;  // none: the destination is no local pod, nor this node, or exempt
    std::optional<AuditVerdict> audit;        // none: no policy in audit mode is asked, or the traffic is denied
};

// What the image knows of an address: its own row, else that of the longest prefix.
const Address& address_of(const Image& image, const IpAddr& ip);

// `port` is the type for ICMP (of the packet that opens) and 0 for other protocols without ports. `allow_host`: what
// the node itself sends to its pods passes (the node's setting). Errors: kInvalid when the two addresses are of
// different families, kInternal when a table is missing.
Result<Explanation> explain(const Image& image, const IpAddr& source, const IpAddr& destination, std::uint8_t protocol,
                            std::uint16_t port, bool allow_host = true);

}  // namespace weft::policy
