/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Frames that are neither IPv4 nor IPv6. */
#pragma once

#include "datapath/bpf/lib/drop.h"

/* ARP passes: the pod has a permanent neighbour and needs none, and the host end answers for nothing. Everything else a pod sends is dropped;
 * what the network sends to the host is not a pod's. */
CHECKED_ONCE int other_protocol(struct __sk_buff *ctx, __u8 hook) {
    if (hook != WEFT_HOOK_FROM_POD || ctx->protocol == bpf_htons(ETH_P_ARP)) return TC_ACT_OK;
    count_packet(WEFT_DROP_UNSUPPORTED_L3, hook, packets_of(ctx), ctx->len - 14);
    return TC_ACT_SHOT;
}
