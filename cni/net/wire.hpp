// The requests that wiring a pod takes, to be sent together with NetlinkSocket::run().
#pragma once

#include <string>

#include "common/ip_addr.hpp"
#include "common/netlink.hpp"

namespace weft::cni {

struct VethPair {
    std::string host_ifname;
    int host_index = 0;  // the number that it shall have; 0: the kernel's choice
    std::string host_mac;
    std::string pod_ifname, pod_mac;
    int pod_netns = -1;  // descriptor
};

// Both ends in one request, both down, the pod's end made in its namespace. kExists if either name is taken.
void add_veth(NetlinkRequests& requests, const VethPair& pair);
void set_up(NetlinkRequests& requests, int index, unsigned mtu);
// Full length, no prefix route, no duplicate address detection.
void add_address(NetlinkRequests& requests, int index, const IpAddr& ip);
void add_device_route(NetlinkRequests& requests, int index, const IpAddr& destination);
void add_default_route(NetlinkRequests& requests, int index, const IpAddr& gateway);
void add_neighbour(NetlinkRequests& requests, int index, const IpAddr& ip, const std::string& mac);  // permanent

Result<void> delete_link(NetlinkSocket& socket, int index);  // a link that is gone is no error

}  // namespace weft::cni
