// Which rule would decide about a new connection, by the kernel's own rows, looked up as the datapath does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/ip_addr.hpp"
#include "common/result.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::maps {

struct KernelDirection {
    std::uint32_t endpoint = 0;  // whose policy it is
    std::uint32_t policy = 0;    // kernel's policy number; 0: not isolated
    std::uint32_t rule = 0;
    bool allow = false;
    bool by_default = false;
    bool missing = false;  // the tables lack a row: the datapath drops (NO_POLICY_TABLE)
    std::string name;      // DNS name by which a rule decided
};

// What a pod knows of an address that is not over.
struct KnownName {
    std::string name;
    std::uint32_t class_id = 0;
};
using NamesOf = std::function<std::vector<KnownName>(std::uint32_t endpoint, const IpAddr& address)>;

struct KernelExplanation {
    bool allow = false;
    bool unknown_source = false;       // no row: the datapath drops
    bool unknown_destination = false;  // no row, or an address of the pod range that no pod has
    std::uint32_t generation = 0;
    std::optional<KernelDirection> egress, ingress;  // as far as the datapath asks
    std::optional<bool> audit_allow;                 // what it says of policies in audit mode; none: it asks none
};

// `state`: Applier::state(), or read_kernel(). `port` is the type of ICMP, and 0 for other protocols without ports.
KernelExplanation explain_from_maps(const KernelState& state, const IpAddr& source, const IpAddr& destination,
                                    std::uint8_t protocol, std::uint16_t port, const NamesOf& names = {});

}  // namespace weft::maps
