#include <fmt/ranges.h>

#include <algorithm>

#include "cni/commands.hpp"
#include "cni/names.hpp"
#include "cni/net/inspect.hpp"
#include "cni/pod.hpp"
#include "cni/result.hpp"
#include "datapath/loader/attach.hpp"

namespace weft::cni {

namespace {

// What prevResult says about our interface.
struct Expected {
    Interface host, pod;
    std::vector<Ip> ips;
};

struct Found {
    std::vector<std::string> differences;

    template <typename... Args>
    void differs(fmt::format_string<Args...> format, Args&&... args) {
        differences.push_back(fmt::format(format, std::forward<Args>(args)...));
    }
    // An answer of the kernel: false is a difference, an error too.
    void expect(const Result<bool>& answer, const std::string& what) {
        if (!answer)
            differs("{}: {}", what, answer.error().text());
        else if (!*answer)
            differs("{}: missing", what);
    }
};

Outcome<Expected> expected_of(const Request& request, const std::string& host_name) {
    const auto& config = request.config;
    if (!config.previous) return refuse(Code::kInvalidConfig, "CHECK needs prevResult, the result of ADD");
    WEFT_TRY(previous, coded(Code::kInvalidConfig, "prevResult is not a result of ADD",
                             parse_result(JsonView(*config.previous, "$.prevResult"))));
    Expected out;
    std::size_t pod_index = previous.interfaces.size();
    for (std::size_t i = 0; i < previous.interfaces.size(); ++i) {
        const auto& interface = previous.interfaces[i];
        if (interface.sandbox.empty() && interface.name == host_name) out.host = interface;
        if (!interface.sandbox.empty() && interface.name == request.call.ifname) pod_index = i;
    }
    if (out.host.name.empty() || pod_index == previous.interfaces.size())
        return refuse(
            Code::kInvalidConfig, "prevResult is not that of this container and interface",
            fmt::format("it must name {} of the host and {} of the container", host_name, request.call.ifname));
    out.pod = previous.interfaces[pod_index];
    std::ranges::copy_if(previous.ips, std::back_inserter(out.ips),
                         [&](const Ip& ip) { return ip.interface == pod_index; });
    return out;
}

void compare_link(const LinkInfo& link, const Interface& expected, Found& found) {
    if (link.kind != "veth") found.differs("{}: is a '{}', not a veth", expected.name, link.kind);
    if (!link.up) found.differs("{}: is down", expected.name);
    if (!expected.mac.empty() && link.mac != normal_mac(expected.mac).value_or(expected.mac))
        found.differs("{}: has the MAC {}, not {}", expected.name, link.mac, expected.mac);
}

// The pod's end by its own namespace's socket. Gives the link when there is one.
std::optional<LinkInfo> check_pod(const Inspector& netlink, const Expected& expected, Found& found) {
    const auto link = netlink.link(expected.pod.name);
    if (!link) {
        found.differs("{}: {}", expected.pod.name, link.error().text());
        return std::nullopt;
    }
    compare_link(*link, expected.pod, found);
    const auto addresses = netlink.addresses(link->index);
    if (!addresses) found.differs("{}: {}", expected.pod.name, addresses.error().text());
    for (const auto& ip : expected.ips) {
        const auto text = ip.address.text();
        if (addresses && std::ranges::count(*addresses, text) == 0)
            found.differs("{}: the address {} is missing", expected.pod.name, text);
        found.expect(netlink.has_device_route(link->index, ip.gateway),
                     fmt::format("{}: route to {}", expected.pod.name, ip.gateway.text()));
        found.expect(netlink.has_default_route(link->index, ip.gateway),
                     fmt::format("{}: default route by {}", expected.pod.name, ip.gateway.text()));
        found.expect(netlink.has_neighbour(link->index, ip.gateway, expected.host.mac),
                     fmt::format("{}: neighbour {}", expected.pod.name, ip.gateway.text()));
    }
    return *link;
}

std::optional<LinkInfo> check_host(const Inspector& netlink, const Expected& expected, Found& found) {
    const auto link = netlink.link(expected.host.name);
    if (!link) {
        found.differs("{}: {}", expected.host.name, link.error().text());
        return std::nullopt;
    }
    compare_link(*link, expected.host, found);
    for (const auto& ip : expected.ips) {
        const auto text = ip.address.ip.text();
        found.expect(netlink.has_device_route(link->index, ip.address.ip),
                     fmt::format("{}: route to {}", expected.host.name, text));
        found.expect(netlink.has_neighbour(link->index, ip.address.ip, expected.pod.mac),
                     fmt::format("{}: neighbour {}", expected.host.name, text));
    }
    return *link;
}

void check_programs(const Config& config, const std::string& host_name, Found& found) {
    const auto pins = pins_of(config);
    using datapath::TcHook;
    found.expect(datapath::attached(pins, host_name, TcHook::kIngress, WEFT_PROG_FROM_POD),
                 fmt::format("{}: program from_pod", host_name));
    found.expect(datapath::attached(pins, host_name, TcHook::kEgress, WEFT_PROG_TO_POD),
                 fmt::format("{}: program to_pod", host_name));
}

EndpointRequest describe(const Request& request, const Netns& netns, const Expected& expected, int host_ifindex) {
    EndpointRequest out;
    out.attachment = request.attachment();
    out.network = request.config.network;
    out.netns = netns.path();
    out.netns_device = netns.device();
    out.netns_inode = netns.inode();
    out.host_ifname = expected.host.name;
    out.host_ifindex = host_ifindex;
    out.mac = normal_mac(expected.pod.mac).value_or(expected.pod.mac);
    out.pod_namespace = request.call.args.pod_namespace;
    out.pod_name = request.call.args.pod_name;
    out.pod_uid = request.call.args.pod_uid;
    out.labels = request.config.labels;
    for (const auto& ip : expected.ips) out.ips.push_back(ip.address.ip.text());
    return out;
}

Outcome<Inspector> open_inside(const Netns& netns) {
    Inspector out;
    WEFT_CHECK(
        coded(Code::kNetwork, "cannot look into the container's network namespace", netns.inside([&]() -> Result<void> {
            WEFT_TRY(opened, Inspector::open());
            out = std::move(opened);
            return {};
        })));
    return out;
}

}  // namespace

Answer cmd_check(const Request& request) {
    const auto name = host_ifname(request.call.container_id, request.call.ifname);
    WEFT_TRY(expected, expected_of(request, name));
    WEFT_TRY(socket, coded(Code::kNetwork, "cannot talk to the kernel", NetlinkSocket::open()));
    WEFT_TRY(netns, coded(Code::kInvalidEnvironment, fmt::format("CNI_NETNS '{}' cannot be used", request.call.netns),
                          Netns::open(request.call.netns, socket)));
    WEFT_TRY(outside, coded(Code::kNetwork, "cannot talk to the kernel", Inspector::open()));
    WEFT_TRY(inside, open_inside(netns));
    Found found;
    const auto pod = check_pod(inside, expected, found);
    const auto host = check_host(outside, expected, found);
    if (pod && host && pod->peer_index != host->index)
        found.differs("{} and {} are not one pair", name, request.call.ifname);
    if (pod && host && pod->mtu != host->mtu)
        found.differs("{} has the MTU {}, {} {}", name, host->mtu, request.call.ifname, pod->mtu);
    if (host) check_programs(request.config, name, found);
    if (host) {  // without it weftd has nothing to compare
        WEFT_TRY(known, check_endpoint(request.config, describe(request, netns, expected, host->index)));
        for (const auto& difference : known) found.differs("weftd: {}", difference);
    }
    if (!found.differences.empty())
        return refuse(Code::kCheckFailed,
                      fmt::format("the interface {} of container {} is not as it was made", request.call.ifname,
                                  request.call.container_id),
                      fmt::format("{}", fmt::join(found.differences, "\n")));
    return std::nullopt;
}

}  // namespace weft::cni
