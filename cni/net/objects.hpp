// libnl's objects with one owner each, and its errors as ours.
#pragma once

#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <memory>
#include <string>

#include "common/ip_addr.hpp"
#include "common/result.hpp"

namespace weft::cni {

template <auto Release>
struct Releaser {
    template <typename T>
    void operator()(T* object) const {
        Release(object);
    }
};

using LinkObject = std::unique_ptr<rtnl_link, Releaser<rtnl_link_put>>;
using NlAddress = std::unique_ptr<nl_addr, Releaser<nl_addr_put>>;
using Cache = std::unique_ptr<nl_cache, Releaser<nl_cache_free>>;

// `code`: what a libnl function returned, 0 or a negative NLE_ number.
Result<void> checked(int code, std::string_view doing);
NlAddress nl_mac(const std::string& mac);
int family_of(const IpAddr& ip);
// Whether a libnl address (may be null) is this one.
bool same(nl_addr* address, const IpAddr& ip);

}  // namespace weft::cni
