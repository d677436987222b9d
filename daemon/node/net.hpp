// The node's own network, by netlink: only what the daemon asks of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ip_addr.hpp"
#include "common/result.hpp"

namespace weft::node {

struct Device {
    std::string name;
    std::uint32_t index = 0;
    std::uint32_t mtu = 0;
    std::optional<IpAddr> address4, address6;  // the first of global scope
};

// Error kNotFound when there is no such device.
Result<Device> device(const std::string& name);
// The device of the default route: IPv4's, else IPv6's, lowest metric. Nothing when there is none.
Result<std::optional<std::string>> default_route_device();
// All addresses of this node but loopback and link-local ones, sorted.
Result<std::vector<IpAddr>> own_addresses();
// Whether there was one.
Result<bool> delete_device(const std::string& name);

}  // namespace weft::node
