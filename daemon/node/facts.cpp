#include "daemon/node/facts.hpp"

#include <algorithm>

#include "datapath/abi/endpoint.h"

namespace weft::node {

namespace {

Result<std::string> uplink_name(const Config& config) {
    if (config.uplink == "none") return std::string();
    if (config.uplink != "auto") return config.uplink;
    WEFT_TRY(name, default_route_device());
    return name.value_or("");
}

}  // namespace

Result<Facts> find_facts(const Config& config, const std::vector<Cidr>& pod_ranges) {
    Facts out;
    WEFT_TRY(addresses, own_addresses());
    out.node.host_addresses = std::move(addresses);
    out.node.endpoint = WEFT_NODE_ENDPOINT;
    out.node.pod_ranges = pod_ranges;
    out.node.no_masquerade = config.no_masquerade;
    out.node.kube_apiservers = config.kube_apiservers;
    std::ranges::copy(pod_ranges, std::back_inserter(out.node.no_masquerade));
    WEFT_TRY(uplink, uplink_name(config));
    out.uplink = uplink;
    if (!uplink.empty()) {
        WEFT_TRY(found, device(uplink));
        out.uplink_ifindex = found.index;
        out.mtu = found.mtu;
        if (config.masquerade) {
            out.masquerade4 = found.address4;
            out.masquerade6 = found.address6;
        }
    }
    if (config.mtu) out.mtu = *config.mtu;
    return out;
}

maps::NodeSettings settings_with(const Config& config, const Facts& facts) {
    maps::NodeSettings out = config.settings;
    out.uplink_ifindex = facts.uplink_ifindex;
    out.masquerade4 = facts.masquerade4;
    out.masquerade6 = facts.masquerade6;
    for (const Cidr& range : facts.node.pod_ranges)
        (range.address.is_v4() ? out.gateway4 : out.gateway6) = ipam::gateway_of(range);
    return out;
}

}  // namespace weft::node
