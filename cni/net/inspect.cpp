#include "cni/net/inspect.hpp"

#include <linux/neighbour.h>
#include <net/if.h>

#include "cni/net/objects.hpp"

namespace weft::cni {

namespace {

// Dumps one kind of object. libnl's alloc functions take different arguments; `fill` is one of them.
template <typename Fill>
Result<Cache> dump(Fill fill, std::string_view what) {
    nl_cache* cache = nullptr;
    const int code = fill(&cache);
    WEFT_CHECK(checked(code, fmt::format("list the {}", what)));
    return Cache(cache);
}

template <typename Object, typename Test>
bool any_object(const Cache& cache, Test test) {
    for (auto* at = nl_cache_get_first(cache.get()); at != nullptr; at = nl_cache_get_next(at))
        if (test(reinterpret_cast<Object*>(at))) return true;
    return false;
}

bool leads_to(rtnl_route* route, int index, const IpAddr* gateway) {
    if (rtnl_route_get_nnexthops(route) != 1) return false;
    auto* hop = rtnl_route_nexthop_n(route, 0);
    auto* by = rtnl_route_nh_get_gateway(hop);
    return rtnl_route_nh_get_ifindex(hop) == index && (gateway == nullptr ? by == nullptr : same(by, *gateway));
}

}  // namespace

void Inspector::Close::operator()(nl_sock* socket) const {
    nl_socket_free(socket);
}

Result<Inspector> Inspector::open() {
    Inspector out;
    out.socket_.reset(nl_socket_alloc());
    if (!out.socket_) return fail(ErrorCode::kExhausted, "no memory for a netlink socket");
    WEFT_CHECK(checked(nl_connect(out.socket_.get(), NETLINK_ROUTE), "open a netlink socket"));
    return out;
}

Result<LinkInfo> Inspector::link(const std::string& name) const {
    rtnl_link* found = nullptr;
    WEFT_CHECK(
        checked(rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &found), fmt::format("look up link {}", name)));
    const LinkObject link(found);
    LinkInfo out;
    out.index = rtnl_link_get_ifindex(found);
    out.peer_index = rtnl_link_get_link(found);
    out.mtu = rtnl_link_get_mtu(found);
    out.up = (rtnl_link_get_flags(found) & IFF_UP) != 0;
    if (const char* kind = rtnl_link_get_type(found)) out.kind = kind;
    char text[64] = {};
    if (auto* mac = rtnl_link_get_addr(found)) out.mac = nl_addr2str(mac, text, sizeof text);
    return out;
}

Result<std::vector<std::string>> Inspector::addresses(int index) const {
    WEFT_TRY(cache, dump([&](nl_cache** out) { return rtnl_addr_alloc_cache(socket_.get(), out); }, "addresses"));
    std::vector<std::string> out;
    any_object<rtnl_addr>(cache, [&](rtnl_addr* address) {
        char text[80] = {};
        auto* local = rtnl_addr_get_local(address);
        if (rtnl_addr_get_ifindex(address) == index && local != nullptr) {
            std::string found = nl_addr2str(local, text, sizeof text);
            if (found.find('/') == std::string::npos) found += fmt::format("/{}", rtnl_addr_get_prefixlen(address));
            out.push_back(std::move(found));
        }
        return false;
    });
    return out;
}

Result<bool> Inspector::has_device_route(int index, const IpAddr& destination) const {
    const auto fill = [&](nl_cache** out) {
        return rtnl_route_alloc_cache(socket_.get(), family_of(destination), 0, out);
    };
    WEFT_TRY(cache, dump(fill, "routes"));
    return any_object<rtnl_route>(cache, [&](rtnl_route* route) {
        auto* to = rtnl_route_get_dst(route);
        return same(to, destination) && static_cast<int>(nl_addr_get_prefixlen(to)) == destination.bits() &&
               rtnl_route_get_table(route) == RT_TABLE_MAIN && leads_to(route, index, nullptr);
    });
}

Result<bool> Inspector::has_default_route(int index, const IpAddr& gateway) const {
    const auto fill = [&](nl_cache** out) { return rtnl_route_alloc_cache(socket_.get(), family_of(gateway), 0, out); };
    WEFT_TRY(cache, dump(fill, "routes"));
    return any_object<rtnl_route>(cache, [&](rtnl_route* route) {
        auto* to = rtnl_route_get_dst(route);
        return (to == nullptr || nl_addr_get_prefixlen(to) == 0) && rtnl_route_get_table(route) == RT_TABLE_MAIN &&
               leads_to(route, index, &gateway);
    });
}

Result<bool> Inspector::has_neighbour(int index, const IpAddr& ip, const std::string& mac) const {
    WEFT_TRY(cache, dump([&](nl_cache** out) { return rtnl_neigh_alloc_cache(socket_.get(), out); }, "neighbours"));
    const NlAddress lladdr = nl_mac(mac);
    return any_object<rtnl_neigh>(cache, [&](rtnl_neigh* neighbour) {
        auto* at = rtnl_neigh_get_lladdr(neighbour);
        return rtnl_neigh_get_ifindex(neighbour) == index && same(rtnl_neigh_get_dst(neighbour), ip) && at != nullptr &&
               lladdr && nl_addr_cmp(at, lladdr.get()) == 0 && (rtnl_neigh_get_state(neighbour) & NUD_PERMANENT) != 0;
    });
}

}  // namespace weft::cni
