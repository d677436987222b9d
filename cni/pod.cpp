#include "cni/pod.hpp"

#include <algorithm>
#include <cstdlib>

#include "cni/delete_queue.hpp"
#include "cni/net/wire.hpp"
#include "datapath/loader/attach.hpp"

namespace weft::cni {

namespace {

// TCX costs an ADD 16 ms of waiting and a DEL as much (attach.hpp). clsact costs the bandwidth plugin its place: it
// adds an ingress qdisc, which cannot stand beside clsact. So TCX is for the pods that bandwidth will shape.
datapath::AttachMode mode_for(const Config& config) {
    if (std::getenv("WEFT_TC") != nullptr) return datapath::attach_mode();
    switch (config.attach) {
        case AttachChoice::kTcx:
            return datapath::AttachMode::kTcx;
        case AttachChoice::kClsact:
            return datapath::AttachMode::kClsact;
        case AttachChoice::kAuto:
            break;
    }
    return config.bandwidth ? datapath::attach_mode() : datapath::AttachMode::kClsact;
}

// Before the end is up: nothing that sends packets of its own accord (duplicate address detection, router
// solicitation), and no IPv6 at all on the link of a pod that has no such address.
Result<void> quiet(const Ipv6Settings& ipv6, const Endpoint& endpoint) {
    if (!has_ipv6(endpoint)) return ipv6.set("disable_ipv6", "1");
    WEFT_CHECK(ipv6.set("accept_dad", "0"));
    WEFT_CHECK(ipv6.set("accept_ra", "0"));
    return ipv6.set("disable_ipv6", "0");  // the runtime may have turned IPv6 off
}

}  // namespace

bool has_ipv6(const Endpoint& endpoint) {
    return std::ranges::any_of(endpoint.ips, [](const GivenAddress& given) { return !given.ip.is_v4(); });
}

Result<PodEnd> open_pod_end(const Netns& netns, const std::string& name) {
    PodEnd pod{name, 0, {}, {}};
    WEFT_CHECK(netns.inside([&]() -> Result<void> {
        WEFT_TRY(netlink, NetlinkSocket::open());
        WEFT_TRY(ipv6, Ipv6Settings::open(name));
        pod.netlink = std::move(netlink);
        pod.ipv6 = std::move(ipv6);
        return {};
    }));
    WEFT_TRY(index, pod.netlink.index_of(name));
    pod.index = index;
    return pod;
}

Result<void> configure_pod_end(PodEnd& pod, const Endpoint& endpoint, unsigned mtu) {
    WEFT_CHECK(quiet(pod.ipv6, endpoint));
    NetlinkRequests requests;
    for (const auto& given : endpoint.ips) add_address(requests, pod.index, given.ip);
    set_up(requests, pod.index, mtu);
    for (const auto& given : endpoint.ips) {
        add_neighbour(requests, pod.index, given.gateway, endpoint.gateway_mac);
        add_device_route(requests, pod.index, given.gateway);
        add_default_route(requests, pod.index, given.gateway);
    }
    return pod.netlink.run(std::move(requests));
}

Result<void> configure_host_end(NetlinkSocket& netlink, const HostEnd& host, const Endpoint& endpoint,
                                const std::string& pod_mac, unsigned mtu) {
    WEFT_TRY(ipv6, Ipv6Settings::open(host.name));
    if (has_ipv6(endpoint)) WEFT_CHECK(ipv6.set("addr_gen_mode", "1"));
    WEFT_CHECK(quiet(ipv6, endpoint));
    NetlinkRequests requests;
    for (const auto& given : endpoint.ips) add_neighbour(requests, host.index, given.ip, pod_mac);
    set_up(requests, host.index, mtu);
    for (const auto& given : endpoint.ips) add_device_route(requests, host.index, given.ip);
    return netlink.run(std::move(requests));
}

Result<void> attach_programs(const Config& config, NetlinkSocket& netlink, const HostEnd& host,
                             const datapath::Pins& pins) {
    static constexpr datapath::Attachment kBoth[] = {{datapath::TcHook::kIngress, WEFT_PROG_FROM_POD},
                                                     {datapath::TcHook::kEgress, WEFT_PROG_TO_POD}};
    const auto mode = mode_for(config);
    if (mode == datapath::AttachMode::kClsact) return datapath::attach_first(pins, netlink, host.index, kBoth);
    return datapath::attach(pins, host.name, kBoth, mode);
}

datapath::Pins pins_of(const Config& config, const std::string& told) {
    if (!config.bpf_dir.empty()) return {config.bpf_dir};
    return told.empty() ? datapath::Pins{} : datapath::Pins{told};
}

Result<void> remove_host_end(const Config& config, const std::string& host_ifname, const std::string& told_bpf_dir) {
    WEFT_TRY(netlink, NetlinkSocket::open());
    const auto index = netlink.index_of(host_ifname);
    if (index) WEFT_CHECK(delete_link(netlink, *index));
    if (!index && index.error().code != ErrorCode::kNotFound) return std::unexpected(index.error());
    // After the device: the kernel then has one grace period to wait for instead of one a link.
    const auto pins = pins_of(config, told_bpf_dir);
    WEFT_CHECK(datapath::detach(pins, host_ifname, datapath::TcHook::kIngress, WEFT_PROG_FROM_POD));
    return datapath::detach(pins, host_ifname, datapath::TcHook::kEgress, WEFT_PROG_TO_POD);
}

Outcome<void> forget(const Config& config, const Attachment& attachment) {
    Reached reached{};
    auto removed = remove_endpoint(config, attachment, &reached);
    if (removed) {
        dequeue_delete(config, attachment);
        return {};
    }
    const bool refused_for_good = reached == Reached::kYes && removed.error().code != Code::kTryAgainLater;
    if (refused_for_good) return removed;
    auto queued = enqueue_delete(config, attachment);
    if (!queued)
        return refuse(Code::kTryAgainLater,
                      "weftd is away and the delete queue takes no more; start weftd, then try again",
                      queued.error().text());
    return {};
}

}  // namespace weft::cni
