/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Frames that are neither IPv4 nor IPv6. */
#pragma once

#include "datapath/bpf/lib/drop.h"
#include "datapath/bpf/lib/hop.h"

/* ARP passes: the pod has a permanent neighbour and needs none, and the host end answers for nothing. Everything else a
 * pod sends is dropped; what the network sends to the host is not a pod's. */
CHECKED_ONCE int other_protocol(struct __sk_buff* ctx, __u8 hook) {
    if (hook != WEFT_HOOK_FROM_POD || ctx->protocol == bpf_htons(ETH_P_ARP)) return TC_ACT_OK;
    struct weft_scratch* s = scratch_of();
    const struct weft_control* control = control_of();
    if (!s || !control) return TC_ACT_SHOT;
    __builtin_memset(&s->packet, 0, sizeof s->packet);
    __builtin_memset(&s->forward, 0, sizeof s->forward);
    s->packet.hook = hook;
    s->packet.ifindex = ctx->ifindex;
    s->packet.length = ctx->len - ETH_LENGTH;
    s->packet.segments = packets_of(ctx);
    s->rule = 0;
    s->direction = WEFT_EGRESS;
    return drop(s, control, WEFT_DROP_UNSUPPORTED_L3);
}
