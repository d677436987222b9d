#include "datapath/loader/clsact.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <cerrno>

namespace weft::datapath {

namespace {

using namespace std::string_view_literals;

void add_qdisc(NetlinkRequests& requests, int ifindex) {
    tcmsg body{};
    body.tcm_ifindex = ifindex;
    body.tcm_parent = TC_H_CLSACT;
    body.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0U);
    requests.begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, body, "create the clsact qdisc", EEXIST);
    requests.put(TCA_KIND, "clsact\0"sv);
}

void add_filter(NetlinkRequests& requests, int ifindex, const ClsactFilter& filter) {
    tcmsg body{};
    body.tcm_ifindex = ifindex;
    body.tcm_handle = kFilterHandle;
    body.tcm_parent = TC_H_MAKE(TC_H_CLSACT, filter.hook == TcHook::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    body.tcm_info = TC_H_MAKE(std::uint32_t{kFilterPriority} << 16, htons(ETH_P_ALL));
    requests.begin(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, body, "add the tc filter");
    requests.put(TCA_KIND, "bpf\0"sv);
    const auto options = requests.open(TCA_OPTIONS);
    requests.put(TCA_BPF_FD, static_cast<std::uint32_t>(filter.program));
    requests.put(TCA_BPF_NAME, "weft\0"sv);
    requests.put(TCA_BPF_FLAGS, std::uint32_t{TCA_BPF_FLAG_ACT_DIRECT});
    requests.close(options);
}

}  // namespace

Result<void> put_filters(NetlinkSocket& socket, int ifindex, std::span<const ClsactFilter> filters) {
    NetlinkRequests requests;
    add_qdisc(requests, ifindex);
    for (const auto& filter : filters) add_filter(requests, ifindex, filter);
    return socket.run(std::move(requests));
}

}  // namespace weft::datapath
