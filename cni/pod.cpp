#include "cni/pod.hpp"

#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "cni/delete_queue.hpp"
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

std::string ipv6_settings(const std::string& device) {
    return "ipv6/conf/" + device + "/";
}

// A kernel or namespace without IPv6 has no such settings, and needs none.
Result<void> quiet_ipv6(const std::string& device, bool link_local) {
    const auto base = ipv6_settings(device);
    if (access(("/proc/sys/net/" + base).c_str(), F_OK) != 0) return {};
    if (!link_local) WEFT_CHECK(write_sysctl(base + "addr_gen_mode", "1"));
    WEFT_CHECK(write_sysctl(base + "accept_dad", "0"));
    return write_sysctl(base + "accept_ra", "0");
}

}  // namespace

bool has_ipv6(const Endpoint& endpoint) {
    return std::ranges::any_of(endpoint.ips, [](const GivenAddress& given) { return !given.ip.is_v4(); });
}

Result<PodEnd> open_pod_end(const Netns& netns, const std::string& name, const std::string& mac) {
    PodEnd pod{name, mac, 0, {}};
    WEFT_CHECK(netns.inside([&]() -> Result<void> {
        pod.index = static_cast<int>(if_nametoindex(name.c_str()));
        if (pod.index == 0) return fail_errno(fmt::format("find {}", name));
        WEFT_TRY(netlink, Netlink::open());
        pod.netlink = std::move(netlink);
        return quiet_ipv6(name, true);
    }));
    return pod;
}

Result<void> enable_ipv6(const Netns& netns, const PodEnd& pod) {
    return netns.inside([&] { return write_sysctl(ipv6_settings(pod.name) + "disable_ipv6", "0"); });
}

Result<void> quiet_host_end(const HostEnd& host) {
    return quiet_ipv6(host.name, false);
}

Result<void> configure_pod_end(const PodEnd& pod, const Endpoint& endpoint, unsigned mtu) {
    for (const auto& given : endpoint.ips) WEFT_CHECK(pod.netlink.add_address(pod.index, given.ip));
    WEFT_CHECK(pod.netlink.set_up(pod.index, mtu));
    for (const auto& given : endpoint.ips) {
        WEFT_CHECK(pod.netlink.add_neighbour(pod.index, given.gateway, endpoint.gateway_mac));
        WEFT_CHECK(pod.netlink.add_device_route(pod.index, given.gateway));
        WEFT_CHECK(pod.netlink.add_default_route(pod.index, given.gateway));
    }
    return {};
}

Result<void> configure_host_end(const Netlink& netlink, const HostEnd& host, const Endpoint& endpoint,
                                const std::string& pod_mac, unsigned mtu) {
    if (has_ipv6(endpoint)) WEFT_CHECK(write_sysctl(ipv6_settings(host.name) + "disable_ipv6", "0"));
    for (const auto& given : endpoint.ips) WEFT_CHECK(netlink.add_neighbour(host.index, given.ip, pod_mac));
    WEFT_CHECK(netlink.set_up(host.index, mtu));  // the kernel takes no route to a device that is down
    for (const auto& given : endpoint.ips) WEFT_CHECK(netlink.add_device_route(host.index, given.ip));
    return {};
}

Result<void> attach_programs(const Config& config, const HostEnd& host, const datapath::Pins& pins) {
    static constexpr datapath::Attachment kBoth[] = {{datapath::TcHook::kIngress, WEFT_PROG_FROM_POD},
                                                     {datapath::TcHook::kEgress, WEFT_PROG_TO_POD}};
    return datapath::attach(pins, host.name, kBoth, mode_for(config));
}

datapath::Pins pins_of(const Config& config, const std::string& told) {
    if (!config.bpf_dir.empty()) return {config.bpf_dir};
    return told.empty() ? datapath::Pins{} : datapath::Pins{told};
}

Result<void> remove_host_end(const Config& config, const std::string& host_ifname, const std::string& told_bpf_dir) {
    if (const auto index = if_nametoindex(host_ifname.c_str()); index != 0) {
        WEFT_TRY(netlink, Netlink::open());
        WEFT_CHECK(netlink.delete_link(static_cast<int>(index)));
    }
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
