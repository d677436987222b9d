/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* weft's programs, by where the packet comes from. Loaded once and shared by all pods. */
#include "datapath/bpf/age_flows.h"
#include "datapath/bpf/lib/fast_path.h"

/* tc ingress of a pod's host end: the packet leaves the pod. */
SEC("tc")
int from_pod(struct __sk_buff* ctx) {
    return handle(ctx, WEFT_HOOK_FROM_POD);
}

/* tc egress of a pod's host end: the packet comes from the host's own stack. */
SEC("tc")
int to_pod(struct __sk_buff* ctx) {
    return handle(ctx, WEFT_HOOK_TO_POD);
}

/* tc ingress of the uplink: the packet arrives at the node. */
SEC("tc")
int from_netdev(struct __sk_buff* ctx) {
    return handle(ctx, WEFT_HOOK_FROM_NETDEV);
}

/* tc egress of the uplink: of what leaves the node, only what it says itself is looked at, while policies select it. */
SEC("tc")
int to_netdev(struct __sk_buff* ctx) {
    if (ctx->ingress_ifindex || !node_is_policed()) return TC_ACT_OK;
    return handle(ctx, WEFT_HOOK_TO_NETDEV);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
