/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sends a packet of the slow path where its entry says. */
#pragma once

#include "datapath/bpf/lib/drop.h"
#include "datapath/bpf/lib/rewrite.h"

/* Rewrites the packet for `entry`. 0 or the reason. At the last hook before a pod the stack has already done the hop.
 */
INLINE int forward_rewrite(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_entry* entry) {
    const struct weft_packet* packet = &s->packet;
    if (packet->hook != WEFT_HOOK_TO_POD && entry->action != WEFT_ACTION_STACK &&
        entry->action != WEFT_ACTION_DELIVER) {
        const int reason = rewrite_hop(ctx, entry);
        if (reason) return reason;
    }
    if (!(entry->flags & (WEFT_FLOW_SNAT | WEFT_FLOW_DNAT)) || (packet->flags & PACKET_ICMP_ERROR)) return 0;
    return rewrite_address(ctx, s, entry);
}

INLINE int forward_act(const struct weft_packet* packet, const struct weft_entry* entry) {
    if (packet->hook == WEFT_HOOK_TO_POD) return TC_ACT_OK;
    if (entry->action == WEFT_ACTION_PEER) return (int)bpf_redirect_peer(entry->out_ifindex, 0);
    if (entry->action == WEFT_ACTION_NEIGHBOUR) return (int)bpf_redirect_neigh(entry->out_ifindex, NULL, 0, 0);
    return TC_ACT_OK;
}

/* The sender of a packet whose time to live ends here is told by the node's own stack, which finds the same and
 * forwards nothing of it. Not where the packet's address is the node's own until it is translated: that the stack would
 * take. */
INLINE bool leaves_error_to_stack(const struct weft_packet* packet, const struct weft_entry* entry, int reason) {
    return reason == WEFT_DROP_TTL_EXCEEDED && packet->hook != WEFT_HOOK_TO_POD && !(entry->flags & WEFT_FLOW_DNAT);
}

INLINE int forward(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control,
                   const struct weft_entry* entry) {
    const int reason = forward_rewrite(ctx, s, entry);
    if (reason) {
        drop(s, control, reason);
        return leaves_error_to_stack(&s->packet, entry, reason) ? TC_ACT_OK : TC_ACT_SHOT;
    }
    count_packet(WEFT_FORWARDED, s->packet.hook, s->packet.segments, s->packet.length);
    return forward_act(&s->packet, entry);
}
