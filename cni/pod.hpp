// The two ends of a pod's interface: steps that ADD, DEL and GC share.
#pragma once

#include <optional>
#include <string>

#include "cni/commands.hpp"
#include "cni/daemon.hpp"
#include "cni/net/netlink.hpp"
#include "cni/net/netns.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::cni {

struct HostEnd {
    std::string name;
    int index = 0;
};

// The pod's end, seen from inside its namespace.
struct PodEnd {
    std::string name, mac;
    int index = 0;
    Netlink netlink;
};

bool has_ipv6(const Endpoint& endpoint);

// Enters the namespace once: finds the device, opens a netlink socket there, turns off what would send packets of its
// own (duplicate address detection, router solicitation).
Result<PodEnd> open_pod_end(const Netns& netns, const std::string& name, const std::string& mac);
// Where the runtime has turned IPv6 off and the pod is given an IPv6 address.
Result<void> enable_ipv6(const Netns& netns, const PodEnd& pod);
// The same settings for the host's end, and no link-local address.
Result<void> quiet_host_end(const HostEnd& host);
Result<void> configure_pod_end(const PodEnd& pod, const Endpoint& endpoint, unsigned mtu);
Result<void> configure_host_end(const Netlink& netlink, const HostEnd& host, const Endpoint& endpoint,
                                const std::string& pod_mac, unsigned mtu);
Result<void> attach_programs(const Config& config, const HostEnd& host, const datapath::Pins& pins);

datapath::Pins pins_of(const Config& config, const std::string& told = {});

// Removes the pair by its host end, if it is there, and the pins of its links.
Result<void> remove_host_end(const Config& config, const std::string& host_ifname,
                             const std::string& told_bpf_dir = {});

// Tells weftd that the attachment is gone; puts it in the delete queue if weftd is away.
Outcome<void> forget(const Config& config, const Attachment& attachment);

}  // namespace weft::cni
