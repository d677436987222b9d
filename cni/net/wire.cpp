#include "cni/net/wire.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <array>
#include <charconv>

namespace weft::cni {

namespace {

constexpr std::uint16_t kMake = NLM_F_CREATE | NLM_F_EXCL;

unsigned char address_family(const IpAddr& ip) {
    return ip.is_v4() ? AF_INET : AF_INET6;
}

// The bytes of the address in the network's order; lives as long as `ip`.
std::string_view raw(const IpAddr& ip) {
    return std::string_view(reinterpret_cast<const char*>(ip.bytes().data()), ip.bytes().size())
        .substr(ip.is_v4() ? 12 : 0);
}

// "aa:bb:cc:dd:ee:ff" as normal_mac() and random_mac() write it.
std::string mac_bytes(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at + 2 <= text.size(); at += 3) {
        std::uint8_t byte = 0;
        std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
        out.push_back(static_cast<char>(byte));
    }
    return out;
}

std::string_view with_zero(const std::string& text) {
    return {text.c_str(), text.size() + 1};
}

template <typename Body>
std::string_view bytes_of(const Body& body) {
    return {reinterpret_cast<const char*>(&body), sizeof body};
}

// One queue each way is what the kernel ends with anyway, after it has made one a CPU and waited for a grace period.
void describe_end(NetlinkRequests& requests, const std::string& name, const std::string& mac) {
    requests.put(IFLA_IFNAME, with_zero(name));
    requests.put(IFLA_ADDRESS, mac_bytes(mac));
    requests.put(IFLA_NUM_TX_QUEUES, std::uint32_t{1});
    requests.put(IFLA_NUM_RX_QUEUES, std::uint32_t{1});
}

rtmsg route_to(const IpAddr& destination, int length, unsigned char scope) {
    rtmsg body{};
    body.rtm_family = address_family(destination);
    body.rtm_dst_len = static_cast<unsigned char>(length);
    body.rtm_table = RT_TABLE_MAIN;
    body.rtm_protocol = RTPROT_STATIC;
    body.rtm_scope = scope;
    body.rtm_type = RTN_UNICAST;
    return body;
}

}  // namespace

void add_veth(NetlinkRequests& requests, const VethPair& pair) {
    using namespace std::string_view_literals;
    ifinfomsg host{};
    host.ifi_index = pair.host_index;
    requests.begin(RTM_NEWLINK, kMake, host,
                   fmt::format("create the veth pair {} and {}", pair.host_ifname, pair.pod_ifname));
    describe_end(requests, pair.host_ifname, pair.host_mac);
    const auto info = requests.open(IFLA_LINKINFO);
    requests.put(IFLA_INFO_KIND, "veth"sv);
    const auto data = requests.open(IFLA_INFO_DATA);
    const auto peer = requests.open(VETH_INFO_PEER, bytes_of(ifinfomsg{}));
    describe_end(requests, pair.pod_ifname, pair.pod_mac);
    requests.put(IFLA_NET_NS_FD, pair.pod_netns);
    requests.close(peer);
    requests.close(data);
    requests.close(info);
}

void set_up(NetlinkRequests& requests, int index, unsigned mtu) {
    ifinfomsg body{};
    body.ifi_index = index;
    body.ifi_flags = IFF_UP;
    body.ifi_change = IFF_UP;
    requests.begin(RTM_NEWLINK, 0, body, fmt::format("set link {} up with the MTU {}", index, mtu));
    requests.put(IFLA_MTU, std::uint32_t{mtu});
}

void add_address(NetlinkRequests& requests, int index, const IpAddr& ip) {
    ifaddrmsg body{};
    body.ifa_family = address_family(ip);
    body.ifa_prefixlen = static_cast<unsigned char>(ip.bits());
    body.ifa_index = static_cast<std::uint32_t>(index);
    requests.begin(RTM_NEWADDR, kMake, body, fmt::format("add the address {}", ip.text()));
    requests.put(IFA_LOCAL, raw(ip));
    requests.put(IFA_ADDRESS, raw(ip));
    requests.put(IFA_FLAGS, std::uint32_t{IFA_F_NODAD | IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE});
}

void add_device_route(NetlinkRequests& requests, int index, const IpAddr& destination) {
    requests.begin(RTM_NEWROUTE, kMake, route_to(destination, destination.bits(), RT_SCOPE_LINK),
                   fmt::format("add a route to {}", destination.text()));
    requests.put(RTA_DST, raw(destination));
    requests.put(RTA_OIF, index);
}

void add_default_route(NetlinkRequests& requests, int index, const IpAddr& gateway) {
    requests.begin(RTM_NEWROUTE, kMake, route_to(gateway, 0, RT_SCOPE_UNIVERSE),
                   fmt::format("add the default route by {}", gateway.text()));
    requests.put(RTA_GATEWAY, raw(gateway));
    requests.put(RTA_OIF, index);
}

void add_neighbour(NetlinkRequests& requests, int index, const IpAddr& ip, const std::string& mac) {
    ndmsg body{};
    body.ndm_family = address_family(ip);
    body.ndm_ifindex = index;
    body.ndm_state = NUD_PERMANENT;
    requests.begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body,
                   fmt::format("add the neighbour {} at {}", ip.text(), mac));
    requests.put(NDA_DST, raw(ip));
    requests.put(NDA_LLADDR, mac_bytes(mac));
}

Result<void> delete_link(NetlinkSocket& socket, int index) {
    NetlinkRequests requests;
    ifinfomsg body{};
    body.ifi_index = index;
    requests.begin(RTM_DELLINK, 0, body, fmt::format("delete link {}", index));
    auto done = socket.run(std::move(requests));
    if (!done && done.error().code == ErrorCode::kNotFound) return {};
    return done;
}

}  // namespace weft::cni
