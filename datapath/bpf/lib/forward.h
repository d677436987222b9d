/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sends a packet of the slow path where its entry says. */
#pragma once

#include "datapath/bpf/lib/drop.h"
#include "datapath/bpf/lib/rewrite.h"

/* Whether the packet makes a hop here. Not where the host's own stack does it, before the last hook of a pod or behind
 * the first. */
INLINE bool makes_hop(const struct weft_packet* packet, const struct weft_entry* entry) {
    return packet->hook != WEFT_HOOK_TO_POD && entry->action != WEFT_ACTION_STACK &&
           entry->action != WEFT_ACTION_DELIVER;
}

/* Its last one: asked before anything is made or counted for a packet that goes no further. */
INLINE bool ends_here(const struct weft_packet* packet, const struct weft_entry* entry) {
    return packet->ttl <= 1 && makes_hop(packet, entry);
}

/* Rewrites the packet for `entry`. 0 or the reason. */
INLINE int forward_rewrite(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_entry* entry) {
    const struct weft_packet* packet = &s->packet;
    if (makes_hop(packet, entry)) {
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

INLINE int forward(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control,
                   const struct weft_entry* entry) {
    const int reason = forward_rewrite(ctx, s, entry);
    if (reason) return drop(s, control, reason);
    count_packet(WEFT_FORWARDED, s->packet.hook, s->packet.segments, s->packet.length);
    return forward_act(&s->packet, entry);
}
