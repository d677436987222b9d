#include "daemon/node/net.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>

#include <algorithm>
#include <memory>

namespace weft::node {

namespace {

using Socket = std::unique_ptr<nl_sock, decltype(&nl_socket_free)>;
using Link = std::unique_ptr<rtnl_link, decltype(&rtnl_link_put)>;
using Cache = std::unique_ptr<nl_cache, decltype(&nl_cache_free)>;

std::unexpected<Error> netlink_error(int code, std::string_view doing) {
    const bool absent = code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND;
    return fail(absent ? ErrorCode::kNotFound : ErrorCode::kSystem, "{}: {}", doing, nl_geterror(code));
}

Result<Socket> connect() {
    Socket socket(nl_socket_alloc(), &nl_socket_free);
    if (!socket) return fail(ErrorCode::kSystem, "make a netlink socket");
    if (const int code = nl_connect(socket.get(), NETLINK_ROUTE); code != 0) return netlink_error(code, "open netlink");
    return socket;
}

Result<Link> find_link(nl_sock* socket, const std::string& name) {
    rtnl_link* found = nullptr;
    const int code = rtnl_link_get_kernel(socket, 0, name.c_str(), &found);
    Link link(found, &rtnl_link_put);
    if (code != 0) return netlink_error(code, fmt::format("find device {}", name));
    return link;
}

std::optional<IpAddr> address_of(const sockaddr* address) {
    if (address == nullptr) return std::nullopt;
    if (address->sa_family == AF_INET)
        return IpAddr::from_v4(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
    if (address->sa_family == AF_INET6)
        return IpAddr::from_bytes(reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr.s6_addr);
    return std::nullopt;
}

bool is_global(const IpAddr& ip) {
    if (ip.is_v4()) return (ntohl(ip.v4()) >> 24) != 127 && (ntohl(ip.v4()) >> 16) != 0xa9fe;
    const bool link_local = ip.bytes()[0] == 0xfe && (ip.bytes()[1] & 0xc0) == 0x80;
    return !link_local && ip != IpAddr().plus(1);
}

// The interfaces' addresses: (device name, address).
Result<std::vector<std::pair<std::string, IpAddr>>> all_addresses() {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return fail_errno("read the node's addresses");
    std::vector<std::pair<std::string, IpAddr>> out;
    for (const auto* one = list; one != nullptr; one = one->ifa_next)
        if (const auto ip = address_of(one->ifa_addr); ip && is_global(*ip)) out.emplace_back(one->ifa_name, *ip);
    freeifaddrs(list);
    return out;
}

struct Candidate {
    std::uint32_t ifindex = 0;
    std::uint32_t metric = UINT32_MAX;
};

void consider(nl_object* object, void* argument) {
    auto* best = static_cast<Candidate*>(argument);
    auto* route = reinterpret_cast<rtnl_route*>(object);
    const auto* destination = rtnl_route_get_dst(route);
    const bool is_default = destination == nullptr || nl_addr_get_prefixlen(destination) == 0;
    if (!is_default || rtnl_route_get_table(route) != RT_TABLE_MAIN || rtnl_route_get_nnexthops(route) < 1) return;
    auto* hop = rtnl_route_nexthop_n(route, 0);
    const std::uint32_t metric = rtnl_route_get_priority(route);
    if (best->ifindex != 0 && metric >= best->metric) return;
    *best = {static_cast<std::uint32_t>(rtnl_route_nh_get_ifindex(hop)), metric};
}

}  // namespace

Result<Device> device(const std::string& name) {
    WEFT_TRY(socket, connect());
    WEFT_TRY(link, find_link(socket.get(), name));
    Device out{
        name, static_cast<std::uint32_t>(rtnl_link_get_ifindex(link.get())), rtnl_link_get_mtu(link.get()), {}, {}};
    WEFT_TRY(addresses, all_addresses());
    for (const auto& [owner, ip] : addresses) {
        auto& slot = ip.is_v4() ? out.address4 : out.address6;
        if (owner == name && !slot) slot = ip;
    }
    return out;
}

Result<std::optional<std::string>> default_route_device() {
    WEFT_TRY(socket, connect());
    for (const int family : {AF_INET, AF_INET6}) {
        nl_cache* found = nullptr;
        if (const int code = rtnl_route_alloc_cache(socket.get(), family, 0, &found); code != 0)
            return netlink_error(code, "read the routes");
        const Cache cache(found, &nl_cache_free);
        Candidate best;
        nl_cache_foreach(cache.get(), &consider, &best);
        char name[IF_NAMESIZE] = {};
        if (best.ifindex != 0 && if_indextoname(best.ifindex, name) != nullptr) return std::string(name);
    }
    return std::nullopt;
}

Result<std::vector<IpAddr>> own_addresses() {
    WEFT_TRY(all, all_addresses());
    std::vector<IpAddr> out;
    for (const auto& [name, ip] : all) out.push_back(ip);
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

Result<bool> delete_device(const std::string& name) {
    WEFT_TRY(socket, connect());
    auto link = find_link(socket.get(), name);
    if (!link && link.error().code == ErrorCode::kNotFound) return false;
    if (!link) return std::unexpected(link.error());
    const int code = rtnl_link_delete(socket.get(), link->get());
    if (code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND) return false;
    if (code != 0) return netlink_error(code, fmt::format("delete device {}", name));
    return true;
}

}  // namespace weft::node
