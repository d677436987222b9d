// The two ends of a pod's interface: steps that ADD, DEL and GC share.
#pragma once

#include <optional>
#include <string>

#include "cni/commands.hpp"
#include "cni/daemon.hpp"
#include "cni/net/ipv6_settings.hpp"
#include "cni/net/netns.hpp"
#include "common/netlink.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::cni {

struct HostEnd {
    std::string name;
    int index = 0;
};

// The pod's end. Its socket and settings are those of its namespace, and are used from outside.
struct PodEnd {
    std::string name;
    int index = 0;
    NetlinkSocket netlink;
    Ipv6Settings ipv6;
};

bool has_ipv6(const Endpoint& endpoint);

// Enters the namespace once: opens the socket and the settings there, finds the device.
Result<PodEnd> open_pod_end(const Netns& netns, const std::string& name);
Result<void> configure_pod_end(PodEnd& pod, const Endpoint& endpoint, unsigned mtu);
// Up at the end, for the kernel takes no route to a device that is down; the route is there before anything else runs.
Result<void> configure_host_end(NetlinkSocket& netlink, const HostEnd& host, const Endpoint& endpoint,
                                const std::string& pod_mac, unsigned mtu);
Result<void> attach_programs(const Config& config, NetlinkSocket& netlink, const HostEnd& host,
                             const datapath::Pins& pins);

datapath::Pins pins_of(const Config& config, const std::string& told = {});

// Removes the pair by its host end, if it is there, and the pins of its links.
Result<void> remove_host_end(const Config& config, const std::string& host_ifname,
                             const std::string& told_bpf_dir = {});

// Tells weftd that the attachment is gone; puts it in the delete queue if weftd is away.
Outcome<void> forget(const Config& config, const Attachment& attachment);

}  // namespace weft::cni
