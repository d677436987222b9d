// What the daemon finds out about its node: uplink, addresses, MTU.
#pragma once

#include "daemon/node/config.hpp"
#include "daemon/node/net.hpp"
#include "policy/world.hpp"

namespace weft::node {

struct Facts {
    policy::NodeFacts node;
    std::string uplink;  // empty: none
    std::uint32_t uplink_ifindex = 0;
    std::uint32_t mtu = 1500;
    std::optional<IpAddr> masquerade4, masquerade6;
    friend bool operator==(const Facts&, const Facts&) = default;
};

// Errors: kNotFound when the uplink that the configuration names does not exist.
Result<Facts> find_facts(const Config& config, const std::vector<Cidr>& pod_ranges);
// The configuration's settings with what was found.
maps::NodeSettings settings_with(const Config& config, const Facts& facts);

}  // namespace weft::node
