#include "cni/net/netlink.hpp"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/route/link/veth.h>

#include "cni/net/objects.hpp"

namespace weft::cni {

namespace {

constexpr std::size_t kLongestMessage = 65536;

RouteObject route_to(const IpAddr& destination, int length, int scope) {
    RouteObject route(rtnl_route_alloc());
    rtnl_route_set_family(route.get(), static_cast<std::uint8_t>(family_of(destination)));
    rtnl_route_set_dst(route.get(), nl_address(destination, length).get());
    rtnl_route_set_scope(route.get(), static_cast<std::uint8_t>(scope));
    rtnl_route_set_protocol(route.get(), RTPROT_STATIC);
    rtnl_route_set_table(route.get(), RT_TABLE_MAIN);
    return route;
}

// The route owns the hop.
void add_hop(rtnl_route* route, int index, const IpAddr* gateway) {
    rtnl_nexthop* hop = rtnl_route_nh_alloc();
    rtnl_route_nh_set_ifindex(hop, index);
    if (gateway != nullptr) rtnl_route_nh_set_gateway(hop, nl_address(*gateway).get());
    rtnl_route_add_nexthop(route, hop);
}

// One queue each way is what the kernel ends with anyway, after it has made one a CPU and waited for a grace period.
void give_one_queue(rtnl_link* link) {
    rtnl_link_set_num_tx_queues(link, 1);
    rtnl_link_set_num_rx_queues(link, 1);
}

IpAddr any_of(const IpAddr& ip) {
    return Cidr::of(ip, 0).address;
}

}  // namespace

void Netlink::Close::operator()(nl_sock* socket) const {
    nl_socket_free(socket);
}

Result<Netlink> Netlink::open() {
    Netlink out;
    out.socket_.reset(nl_socket_alloc());
    if (!out.socket_) return fail(ErrorCode::kExhausted, "no memory for a netlink socket");
    WEFT_CHECK(checked(nl_connect(out.socket_.get(), NETLINK_ROUTE), "open a netlink socket"));
    // Without this libnl receives every message twice, to learn its length first. The kernel's are never longer.
    nl_socket_disable_msg_peek(out.socket_.get());
    nl_socket_set_msg_buf_size(out.socket_.get(), kLongestMessage);
    return out;
}

Result<void> Netlink::create_veth(const VethPair& pair) const {
    const LinkObject host(rtnl_link_veth_alloc());
    const NlAddress host_mac = nl_mac(pair.host_mac);
    const NlAddress pod_mac = nl_mac(pair.pod_mac);
    if (!host || !host_mac || !pod_mac) return fail(ErrorCode::kInternal, "cannot describe the veth pair");
    rtnl_link* pod = rtnl_link_veth_get_peer(host.get());
    rtnl_link_set_name(host.get(), pair.host_ifname.c_str());
    rtnl_link_set_addr(host.get(), host_mac.get());
    rtnl_link_set_name(pod, pair.pod_ifname.c_str());
    rtnl_link_set_addr(pod, pod_mac.get());
    rtnl_link_set_ns_fd(pod, pair.pod_netns);
    give_one_queue(host.get());
    give_one_queue(pod);
    const int code = rtnl_link_add(socket_.get(), host.get(), NLM_F_CREATE | NLM_F_EXCL);
    rtnl_link_put(pod);
    return checked(code, fmt::format("create the veth pair {} and {}", pair.host_ifname, pair.pod_ifname));
}

Result<void> Netlink::delete_link(int index) const {
    const LinkObject link(rtnl_link_alloc());
    rtnl_link_set_ifindex(link.get(), index);
    auto done = checked(rtnl_link_delete(socket_.get(), link.get()), fmt::format("delete link {}", index));
    if (!done && done.error().code == ErrorCode::kNotFound) return {};
    return done;
}

Result<void> Netlink::set_up(int index, unsigned mtu) const {
    const LinkObject link(rtnl_link_alloc());
    const LinkObject change(rtnl_link_alloc());
    rtnl_link_set_ifindex(link.get(), index);
    rtnl_link_set_mtu(change.get(), mtu);
    rtnl_link_set_flags(change.get(), IFF_UP);
    return checked(rtnl_link_change(socket_.get(), link.get(), change.get(), 0),
                   fmt::format("set link {} up with the MTU {}", index, mtu));
}

Result<void> Netlink::add_address(int index, const IpAddr& ip) const {
    const AddressObject address(rtnl_addr_alloc());
    rtnl_addr_set_ifindex(address.get(), index);
    WEFT_CHECK(checked(rtnl_addr_set_local(address.get(), nl_address(ip).get()), "describe the address"));
    rtnl_addr_set_flags(address.get(), IFA_F_NODAD | IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE);
    return checked(rtnl_addr_add(socket_.get(), address.get(), 0), fmt::format("add the address {}", ip.text()));
}

Result<void> Netlink::add_device_route(int index, const IpAddr& destination) const {
    const auto route = route_to(destination, -1, RT_SCOPE_LINK);
    add_hop(route.get(), index, nullptr);
    return checked(rtnl_route_add(socket_.get(), route.get(), NLM_F_EXCL),
                   fmt::format("add a route to {}", destination.text()));
}

Result<void> Netlink::add_default_route(int index, const IpAddr& gateway) const {
    const auto route = route_to(any_of(gateway), 0, RT_SCOPE_UNIVERSE);
    add_hop(route.get(), index, &gateway);
    return checked(rtnl_route_add(socket_.get(), route.get(), NLM_F_EXCL),
                   fmt::format("add the default route by {}", gateway.text()));
}

Result<void> Netlink::add_neighbour(int index, const IpAddr& ip, const std::string& mac) const {
    const NeighbourObject neighbour(rtnl_neigh_alloc());
    const NlAddress lladdr = nl_mac(mac);
    if (!lladdr) return fail(ErrorCode::kInvalid, "'{}' is not a MAC address", mac);
    rtnl_neigh_set_ifindex(neighbour.get(), index);
    rtnl_neigh_set_family(neighbour.get(), family_of(ip));
    rtnl_neigh_set_dst(neighbour.get(), nl_address(ip).get());
    rtnl_neigh_set_lladdr(neighbour.get(), lladdr.get());
    rtnl_neigh_set_state(neighbour.get(), NUD_PERMANENT);
    return checked(rtnl_neigh_add(socket_.get(), neighbour.get(), NLM_F_CREATE | NLM_F_REPLACE),
                   fmt::format("add the neighbour {} at {}", ip.text(), mac));
}

}  // namespace weft::cni
