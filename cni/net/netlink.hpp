// A routing netlink socket of one network namespace, and the requests that wiring a pod takes. The only code of
// weft-cni that knows libnl. The socket belongs to the namespace in which open() was called, wherever the thread is
// later.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/ip_addr.hpp"
#include "common/result.hpp"

struct nl_sock;

namespace weft::cni {

struct VethPair {
    std::string host_ifname, host_mac;
    std::string pod_ifname, pod_mac;
    int pod_netns = -1;  // descriptor
};

struct LinkInfo {
    int index = 0;
    int peer_index = 0;  // IFLA_LINK; for a veth the other end's number in its namespace
    std::string mac, kind;
    unsigned mtu = 0;
    bool up = false;
};

class Netlink {
  public:
    static Result<Netlink> open();

    // Both ends in one request, both down, the pod's end made in its namespace. kExists if either name is taken.
    Result<void> create_veth(const VethPair& pair) const;
    Result<void> delete_link(int index) const;  // a link that is gone is no error
    Result<void> set_up(int index, unsigned mtu) const;
    // Full length, no prefix route, no duplicate address detection.
    Result<void> add_address(int index, const IpAddr& ip) const;
    Result<void> add_device_route(int index, const IpAddr& destination) const;
    Result<void> add_default_route(int index, const IpAddr& gateway) const;
    Result<void> add_neighbour(int index, const IpAddr& ip, const std::string& mac) const;

    // What is there. kNotFound if there is no such link.
    Result<LinkInfo> link(const std::string& name) const;
    Result<std::vector<std::string>> addresses(int index) const;  // "10.0.0.1/32"
    Result<bool> has_device_route(int index, const IpAddr& destination) const;
    Result<bool> has_default_route(int index, const IpAddr& gateway) const;
    Result<bool> has_neighbour(int index, const IpAddr& ip, const std::string& mac) const;  // and permanent

  private:
    struct Close {
        void operator()(nl_sock* socket) const;
    };
    std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace weft::cni
