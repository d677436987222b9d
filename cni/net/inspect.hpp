// What there is in a network namespace: what CHECK compares. The only code of weft-cni that uses libnl. A socket
// belongs to the namespace in which open() was called, wherever the thread is later.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/ip_addr.hpp"
#include "common/result.hpp"

struct nl_sock;

namespace weft::cni {

struct LinkInfo {
    int index = 0;
    int peer_index = 0;  // IFLA_LINK; for a veth the other end's number in its namespace
    std::string mac, kind;
    unsigned mtu = 0;
    bool up = false;
};

class Inspector {
  public:
    static Result<Inspector> open();

    Result<LinkInfo> link(const std::string& name) const;         // kNotFound if there is no such link
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
