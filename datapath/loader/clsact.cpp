#include "datapath/loader/clsact.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/uio.h>

#include <memory>
#include <vector>

namespace weft::datapath {

namespace {

struct FreeMessage {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
struct FreeSocket {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;
using Socket = std::unique_ptr<nl_sock, FreeSocket>;

Message message_of(int type, int flags, tcmsg body, const char* kind) {
    Message out(nlmsg_alloc_simple(type, flags | NLM_F_REQUEST | NLM_F_ACK));
    if (out == nullptr || nlmsg_append(out.get(), &body, sizeof body, NLMSG_ALIGNTO) != 0 ||
        nla_put_string(out.get(), TCA_KIND, kind) != 0)
        return nullptr;
    return out;
}

Message qdisc_of(int ifindex) {
    tcmsg body{};
    body.tcm_ifindex = ifindex;
    body.tcm_parent = TC_H_CLSACT;
    body.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0U);
    return message_of(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, body, "clsact");
}

Message filter_of(int ifindex, const ClsactFilter& filter) {
    tcmsg body{};
    body.tcm_ifindex = ifindex;
    body.tcm_handle = kFilterHandle;
    body.tcm_parent = TC_H_MAKE(TC_H_CLSACT, filter.hook == TcHook::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    body.tcm_info = TC_H_MAKE(std::uint32_t{kFilterPriority} << 16, htons(ETH_P_ALL));
    Message out = message_of(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, body, "bpf");
    nlattr* options = out == nullptr ? nullptr : nla_nest_start(out.get(), TCA_OPTIONS);
    if (options == nullptr || nla_put_u32(out.get(), TCA_BPF_FD, static_cast<std::uint32_t>(filter.program)) != 0 ||
        nla_put_string(out.get(), TCA_BPF_NAME, "weft") != 0 ||
        nla_put_u32(out.get(), TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT) != 0)
        return nullptr;
    nla_nest_end(out.get(), options);
    return out;
}

Result<void> checked(int code, const char* doing) {
    if (code >= 0) return {};
    const auto known = code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND ? ErrorCode::kNotFound : ErrorCode::kSystem;
    return fail(known, "{}: {}", doing, nl_geterror(code));
}

}  // namespace

Result<void> put_filters(int ifindex, std::span<const ClsactFilter> filters) {
    const Socket socket(nl_socket_alloc());
    if (socket == nullptr) return fail(ErrorCode::kExhausted, "no memory for a netlink socket");
    WEFT_CHECK(checked(nl_connect(socket.get(), NETLINK_ROUTE), "open a netlink socket"));
    nl_socket_disable_msg_peek(socket.get());
    std::vector<Message> messages;
    messages.push_back(qdisc_of(ifindex));
    for (const auto& filter : filters) messages.push_back(filter_of(ifindex, filter));
    std::vector<iovec> parts;
    for (const auto& message : messages) {
        if (message == nullptr) return fail(ErrorCode::kExhausted, "no memory for a netlink message");
        nl_complete_msg(socket.get(), message.get());
        parts.push_back({nlmsg_hdr(message.get()), nlmsg_hdr(message.get())->nlmsg_len});
    }
    WEFT_CHECK(
        checked(nl_send_iovec(socket.get(), messages[0].get(), parts.data(), static_cast<unsigned>(parts.size())),
                "send to the kernel"));
    // All answers are taken before the first error is told: the kernel has tried them all.
    const int qdisc = nl_wait_for_ack(socket.get());
    Result<void> done = qdisc == -NLE_EXIST ? Result<void>{} : checked(qdisc, "create the clsact qdisc");
    for (std::size_t i = 0; i < filters.size(); ++i) {
        auto added = checked(nl_wait_for_ack(socket.get()), "add the tc filter");
        if (done) done = std::move(added);
    }
    return done;
}

}  // namespace weft::datapath
