#include <unistd.h>

#include <cstdio>

#include "cni/commands.hpp"
#include "cni/cpu.hpp"
#include "cni/delete_queue.hpp"
#include "cni/names.hpp"
#include "cni/net/wire.hpp"
#include "cni/pod.hpp"
#include "cni/result.hpp"
#include "common/rollback.hpp"
#include "datapath/abi/types.h"

namespace weft::cni {

namespace {

constexpr std::uint8_t kGatewayMacBytes[] = WEFT_GATEWAY_MAC;

std::string gateway_mac() {
    const auto& m = kGatewayMacBytes;
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5]);
}

// An undo cannot fail loudly; what it could not take back goes to standard error, which the runtime logs.
void note(std::string_view text) {
    std::fprintf(stderr, "weft-cni: undo: %.*s\n", static_cast<int>(text.size()), text.data());
}

Outcome<void> check_first_in_chain(const Config& config) {
    if (!config.previous) return {};
    return refuse(Code::kInvalidConfig, "weft-cni makes the interface itself; put it first in the list of plugins",
                  "prevResult is set, so another plugin ran before");
}

Outcome<std::string> choose_mac(const Request& request) {
    const auto& wanted = request.config.mac.empty() ? request.call.args.mac : request.config.mac;
    if (wanted.empty()) return coded(Code::kIo, "cannot draw a random MAC address", random_mac());
    return coded(Code::kInvalidConfig, "the MAC address asked for cannot be used", normal_mac(wanted));
}

Outcome<std::vector<std::string>> choose_ips(const Request& request) {
    if (!request.config.ips.empty() || request.call.args.ip.empty()) return request.config.ips;
    const std::string text = request.call.args.ip.substr(0, request.call.args.ip.find('/'));
    WEFT_CHECK(coded(Code::kInvalidEnvironment, "IP in CNI_ARGS cannot be used", IpAddr::parse(text)));
    return std::vector<std::string>{text};
}

Outcome<Netns> open_netns(const Call& call, const NetlinkSocket& host) {
    return coded(Code::kInvalidEnvironment, fmt::format("CNI_NETNS '{}' cannot be used", call.netns),
                 Netns::open(call.netns, host));
}

// A DEL of this very attachment that weftd has not seen must not be replayed after this ADD.
Outcome<void> settle_earlier_delete(const Request& request) {
    if (!delete_is_queued(request.config, request.attachment())) return {};
    WEFT_CHECK(remove_endpoint(request.config, request.attachment()));
    dequeue_delete(request.config, request.attachment());
    return {};
}

std::unexpected<CniError> has_interface(const Request& request, std::string details) {
    return refuse(Code::kExists,
                  fmt::format("container {} has an interface {} already; call DEL first", request.call.container_id,
                              request.call.ifname),
                  std::move(details));
}

// The host's end, before it is made. Its number is ours to choose, so that weftd can work on the endpoint while the
// kernel makes the device: above what the kernel gives out by itself, and by process, so that no two ADDs choose alike.
Outcome<HostEnd> plan_host_end(const Request& request, const NetlinkSocket& netlink) {
    constexpr int kFirst = 1 << 22;  // the most that a process's number can be
    const auto name = host_ifname(request.call.container_id, request.call.ifname);
    if (netlink.index_of(name)) return has_interface(request, fmt::format("the device {} is there", name));
    for (int first = kFirst; first < 16 * kFirst; first += kFirst) {
        const int index = first + getpid();
        WEFT_TRY(taken, coded(Code::kNetwork, "cannot number the pod's interface", netlink.has_index(index)));
        if (!taken) return HostEnd{name, index};
    }
    return refuse(Code::kTryAgainLater, "no number is free for the pod's interface; try again");
}

Outcome<void> create_pair(const Request& request, NetlinkSocket& netlink, const VethPair& pair,
                          const std::string& bpf_dir, Rollback& undo) {
    NetlinkRequests requests;
    add_veth(requests, pair);
    auto created = netlink.run(std::move(requests));
    if (!created && created.error().code == ErrorCode::kExists) return has_interface(request, created.error().text());
    if (!created && netlink.has_index(pair.host_index).value_or(false))
        return refuse(Code::kTryAgainLater, "another device took the interface's number; try again",
                      created.error().text());
    WEFT_CHECK(coded(Code::kNetwork, "cannot create the pod's interface", std::move(created)));
    undo.arm([&request, &bpf_dir, name = pair.host_ifname] {
        if (auto removed = remove_host_end(request.config, name, bpf_dir); !removed) note(removed.error().text());
    });
    return {};
}

// What weftd said to the endpoint.
struct Registration {
    Outcome<Endpoint> endpoint;
    Reached reached = Reached::kNo;
};

Outcome<Endpoint> settle_registration(const Request& request, const Registration& answer, Rollback& undo) {
    const auto& [added, reached] = answer;
    // Without an answer, or with one that we cannot read, weftd may have the endpoint: it is told to forget it.
    const bool may_have_it = added || reached == Reached::kMaybe || added.error().code == Code::kDaemon;
    if (may_have_it)
        undo.arm([&request] {
            if (auto gone = forget(request.config, request.attachment()); !gone)
                note(gone.error().message + ": " + gone.error().details);
        });
    if (added && added->gateway_mac != gateway_mac())
        return refuse(Code::kDaemon, "weft-cni and weftd are not of one version; install them together",
                      fmt::format("the gateway's MAC is {} here and {} there", gateway_mac(), added->gateway_mac));
    return added;
}

EndpointRequest describe(const Request& request, const Netns& netns, const HostEnd& host, const std::string& mac,
                         std::vector<std::string> ips) {
    EndpointRequest out;
    out.attachment = request.attachment();
    out.network = request.config.network;
    out.netns = netns.path();
    out.netns_device = netns.device();
    out.netns_inode = netns.inode();
    out.host_ifname = host.name;
    out.host_ifindex = host.index;
    out.mac = mac;
    out.pod_namespace = request.call.args.pod_namespace;
    out.pod_name = request.call.args.pod_name;
    out.pod_uid = request.call.args.pod_uid;
    out.labels = request.config.labels;
    out.ips = std::move(ips);
    return out;
}

// What of the wiring needs no answer of weftd, and is done while it works.
struct Prepared {
    Outcome<void> created;
    Result<PodEnd> pod;
    Result<void> programs;
};

// The programs last: the kernel makes that wait for a grace period, which other work on this CPU's neighbour holds up.
Prepared prepare(const Request& request, NetlinkSocket& netlink, const Netns& netns, const HostEnd& host,
                 const std::string& mac, const std::string& bpf_dir, Rollback& undo) {
    Prepared out;
    out.created = create_pair(
        request, netlink, {host.name, host.index, gateway_mac(), request.call.ifname, mac, netns.fd()}, bpf_dir, undo);
    if (!out.created) return out;
    out.pod = open_pod_end(netns, request.call.ifname);
    out.programs = attach_programs(request.config, netlink, host, pins_of(request.config));
    return out;
}

// The pins may be elsewhere than was thought: weftd has said where. Nothing passes yet, both ends are down.
Result<void> settle_programs(const Request& request, NetlinkSocket& netlink, const HostEnd& host,
                             const std::string& bpf_dir, Result<void> attached) {
    const auto told = pins_of(request.config, bpf_dir);
    return told.root == pins_of(request.config).root ? attached : attach_programs(request.config, netlink, host, told);
}

Outcome<void> wire_pod(Result<PodEnd>& pod, const Endpoint& endpoint, unsigned mtu) {
    const std::string what = "cannot configure the pod's end of the interface";
    if (!pod) return coded(Code::kNetwork, what, Result<void>(std::unexpected(pod.error())));
    return coded(Code::kNetwork, what, configure_pod_end(*pod, endpoint, mtu));
}

AddResult describe_result(const Request& request, const HostEnd& host, const Endpoint& endpoint, const std::string& mac,
                          unsigned mtu) {
    AddResult out;
    out.interfaces = {{host.name, gateway_mac(), "", mtu}, {request.call.ifname, mac, request.call.netns, mtu}};
    for (const auto& given : endpoint.ips) {
        out.ips.push_back({{given.ip, given.ip.bits()}, given.gateway, 1});
        out.routes.push_back({Cidr::of(given.ip, 0), given.gateway});
    }
    out.dns = request.config.dns;
    return out;
}

}  // namespace

Answer cmd_add(const Request& request) {
    const auto& config = request.config;
    std::string bpf_dir;  // as weftd says; outlives the undo that reads it
    Rollback undo;
    WEFT_CHECK(check_first_in_chain(config));
    WEFT_TRY(mac, choose_mac(request));
    WEFT_TRY(ips, choose_ips(request));
    WEFT_TRY(netlink, coded(Code::kNetwork, "cannot talk to the kernel", NetlinkSocket::open()));
    WEFT_TRY(netns, open_netns(request.call, netlink));
    WEFT_CHECK(settle_earlier_delete(request));
    WEFT_TRY(host, plan_host_end(request, netlink));
    const auto wanted = describe(request, netns, host, mac, std::move(ips));
    AddQuestion question(config, wanted);
    Prepared prepared;
    if (question.is_sent()) {
        leave_cpu(runnable_threads());
        prepared = prepare(request, netlink, netns, host, mac, bpf_dir, undo);
    }
    Registration answer;
    answer.endpoint = question.answer(answer.reached);
    WEFT_TRY(endpoint, settle_registration(request, answer, undo));
    WEFT_CHECK(std::move(prepared.created));
    bpf_dir = endpoint.bpf_dir;
    WEFT_CHECK(coded(Code::kNetwork, "cannot attach weft's programs; is weftd running and of this version?",
                     settle_programs(request, netlink, host, bpf_dir, std::move(prepared.programs))));
    const unsigned mtu = std::min(config.mtu.value_or(endpoint.mtu), endpoint.mtu);
    WEFT_CHECK(wire_pod(prepared.pod, endpoint, mtu));
    const std::string what = "cannot configure the host's end of the interface";
    WEFT_CHECK(coded(Code::kNetwork, what, configure_host_end(netlink, host, endpoint, mac, mtu)));
    // Else the kernel starts the pod's queue a moment later, and throws away what the pod sends until then.
    WEFT_CHECK(coded(Code::kNetwork, what, prepared.pod->netlink.wait_until_running(prepared.pod->name)));
    undo.commit();
    return to_json(describe_result(request, host, endpoint, mac, mtu), config.version);
}

}  // namespace weft::cni
