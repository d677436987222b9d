/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The slow path's decision about a connection: policies of both ends, where its packets go in both directions. */
#pragma once

#include "datapath/bpf/lib/address.h"
#include "datapath/bpf/lib/decision.h"
#include "datapath/bpf/lib/masquerade.h"
#include "datapath/bpf/lib/policy.h"

#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif

/* May this packet's source be what it says? Only asked about the packet that opens a connection. */
INLINE int check_source(const struct weft_packet* packet, const struct weft_endpoint* source, __u32 source_flags) {
    if (packet->hook == WEFT_HOOK_FROM_POD && (!source || source->ifindex != packet->ifindex))
        return WEFT_DROP_INVALID_SOURCE_IP;
    if (packet->hook == WEFT_HOOK_FROM_NETDEV && (source || (source_flags & WEFT_ADDR_HOST)))
        return WEFT_DROP_INVALID_SOURCE_IP;
    return 0;
}

/* Both ends' policies, and what they see at the other end. */
INLINE void choose_policies(struct weft_scratch* s, const struct weft_control* control, __u32 epoch,
                            const struct weft_endpoint* source, const struct weft_endpoint* destination) {
    __builtin_memset(s->policy, 0, sizeof s->policy);
    s->peer_class[WEFT_EGRESS] = s->to.class_id;
    s->peer_class[WEFT_INGRESS] = s->from.class_id;
    if (source && source == destination) return;
    if (source) {
        s->policy[WEFT_EGRESS] = source->policy[epoch][WEFT_EGRESS];
        s->policy[WEFT_AUDIT + WEFT_EGRESS] = source->policy[epoch][WEFT_AUDIT + WEFT_EGRESS];
    }
    if ((s->from.flags & WEFT_ADDR_HOST) && (control->flags & WEFT_CONTROL_ALLOW_HOST)) return;
    barrier(); /* kernel 6.1 sees the test for NULL only if it stands alone */
    if (destination) {
        s->policy[WEFT_INGRESS] = destination->policy[epoch][WEFT_INGRESS];
        s->policy[WEFT_AUDIT + WEFT_INGRESS] = destination->policy[epoch][WEFT_AUDIT + WEFT_INGRESS];
    }
}

INLINE bool is_of_node(const struct weft_scratch* s) {
    return (s->from.flags | s->to.flags) & WEFT_ADDR_HOST;
}

/* The node's, where it is an end. 0: none select it. */
CHECKED_ONCE int choose_node_policies(struct weft_scratch* s, __u32 epoch) {
    const struct weft_endpoint* node = endpoint_at(WEFT_NODE_ENDPOINT);
    if (!s) return 0;
    if (!node) return 0;
    const __u32* policy = node->policy[epoch & 1];
    if (s->from.flags & WEFT_ADDR_HOST) {
        s->policy[WEFT_EGRESS] = policy[WEFT_EGRESS];
        s->policy[WEFT_AUDIT + WEFT_EGRESS] = policy[WEFT_AUDIT + WEFT_EGRESS];
    }
    if (s->to.flags & WEFT_ADDR_HOST) {
        s->policy[WEFT_INGRESS] = policy[WEFT_INGRESS];
        s->policy[WEFT_AUDIT + WEFT_INGRESS] = policy[WEFT_AUDIT + WEFT_INGRESS];
    }
    return has_policies(node, epoch & 1);
}

/* Whether the kernel would send to this destination by the uplink. */
CHECKED_ONCE int leaves_by_uplink(struct __sk_buff* ctx, const struct weft_key6* tuple, __u32 from_ifindex,
                                  __u32 uplink) {
    if (!tuple || uplink == 0) return 0;
    struct bpf_fib_lookup fib = {.ifindex = from_ifindex};
    if (tuple_is_v4(tuple)) {
        fib.family = AF_INET;
        fib.ipv4_src = ip_v4(&tuple->source);
        fib.ipv4_dst = ip_v4(&tuple->destination);
    } else {
        fib.family = AF_INET6;
        __builtin_memcpy(fib.ipv6_src, &tuple->source, 16);
        __builtin_memcpy(fib.ipv6_dst, &tuple->destination, 16);
    }
    const long result = bpf_fib_lookup(ctx, &fib, sizeof fib, 0);
    return (result == BPF_FIB_LKUP_RET_SUCCESS || result == BPF_FIB_LKUP_RET_NO_NEIGH) && fib.ifindex == uplink;
}

INLINE void go_to_pod(struct weft_entry* entry, const struct weft_endpoint* pod) {
    entry->action = WEFT_ACTION_PEER;
    entry->out_ifindex = pod->ifindex;
    mac_copy(entry->mac, pod->mac);
}

/* Between the node and the network: both directions go on as they would without us. */
INLINE int stay_in_stack(struct weft_scratch* s) {
    s->forward.in_ifindex = s->reply.in_ifindex = s->packet.ifindex;
    s->forward.action = s->reply.action = WEFT_ACTION_STACK;
    return 0;
}

/* Where the packets of both directions go. `policed`: the node is an end, and policies select it. */
INLINE int choose_actions(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control,
                          const struct weft_endpoint* source, const struct weft_endpoint* destination,
                          const struct weft_addr* to, bool policed) {
    struct weft_entry *forward = &s->forward, *reply = &s->reply;
    const bool from_stack = s->packet.hook == WEFT_HOOK_TO_POD && !source;
    tuple_reverse(&s->opening, &s->answering);
    forward->in_ifindex = source ? source->ifindex : s->packet.ifindex;
    if (destination) {
        reply->in_ifindex = destination->ifindex;
        go_to_pod(forward, destination);
        if (s->packet.hook == WEFT_HOOK_TO_POD) forward->action = WEFT_ACTION_DELIVER;
        if (source)
            go_to_pod(reply, source);
        else
            reply->action = from_stack || control->uplink_ifindex == 0 ? WEFT_ACTION_STACK : WEFT_ACTION_NEIGHBOUR;
        if (!source) reply->out_ifindex = control->uplink_ifindex;
        return 0;
    }
    if (!source) return policed ? stay_in_stack(s) : WEFT_DROP_UNKNOWN_DESTINATION;
    if (to->flags & WEFT_ADDR_POD_RANGE) return WEFT_DROP_UNKNOWN_DESTINATION;
    go_to_pod(reply, source);
    if ((to->flags & WEFT_ADDR_HOST) || !leaves_by_uplink(ctx, &s->opening, source->ifindex, control->uplink_ifindex)) {
        forward->action = WEFT_ACTION_STACK;
        reply->in_ifindex = source->ifindex; /* comes back through the stack to the pod's own device */
        reply->action = WEFT_ACTION_DELIVER;
        return 0;
    }
    forward->action = WEFT_ACTION_NEIGHBOUR;
    forward->out_ifindex = control->uplink_ifindex;
    reply->in_ifindex = control->uplink_ifindex;
    const bool v4 = tuple_is_v4(&s->opening);
    const bool wanted = v4 ? control->masquerade4 != 0 : !ip_is_zero(&control->masquerade6);
    s->masquerades = wanted && !(to->flags & WEFT_ADDR_NO_MASQUERADE);
    return 0;
}

/* decide() without masquerading, which s->masquerades then asks for. */
CHECKED_ONCE int decide_policy(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control,
                               bool fresh) {
    if (!s || !control) return WEFT_DROP_NO_POLICY_TABLE;
    s->rule = 0;
    s->masquerades = false;
    s->again = !fresh;
    s->direction = first_direction(s->packet.hook);
    __builtin_memset(&s->forward, 0, ENTRY_HEAD);
    __builtin_memset(&s->reply, 0, ENTRY_HEAD);
    forget_ends(s);
    /* Generation and epoch in one load, before any row is read: daemon/maps/plan.hpp stands on this order. */
    const __u64 now = READ_ONCE(*(const __u64*)control);
    const __u32 generation = (__u32)now, epoch = (__u32)(now >> 32) & 1;
    barrier();
    if (!address_of(&s->opening.source, &s->from) || !address_of(&s->opening.destination, &s->to))
        return WEFT_DROP_NO_POLICY_TABLE;
    const struct weft_addr *from = &s->from, *to = &s->to;
    struct weft_flow_detail* detail = &s->forward.detail;
    detail->source_identity = from->identity;
    detail->destination_identity = to->identity;
    detail->source_endpoint = (__u16)from->endpoint;
    detail->destination_endpoint = (__u16)to->endpoint;
    const struct weft_endpoint *source = endpoint_at(from->endpoint), *destination = endpoint_at(to->endpoint);
    int reason = fresh ? check_source(&s->packet, source, from->flags) : 0;
    choose_policies(s, control, epoch, source, destination);
    bool policed = false;
    if (unlikely(is_of_node(s))) {
        policed = choose_node_policies(s, epoch);
        if (!fresh) policed = true; /* a connection that is known stays known */
    }
    if (!reason) reason = check_policies(s);
    if (!reason) reason = choose_actions(ctx, s, control, source, destination, to, policed);
    if (reason) return reason;
    if (unlikely(s->policy[WEFT_AUDIT + WEFT_EGRESS] | s->policy[WEFT_AUDIT + WEFT_INGRESS])) audit_policies(s);
    s->forward.generation = generation;
    s->reply.generation = generation;
    detail->created_ns = s->opened_ns; /* an existing connection keeps its own */
    detail_copy(&s->reply.detail, detail, 0);
    s->reply.flags |= WEFT_FLOW_REPLY;
    return 0;
}

/* Decides about the connection that s->opening opens: 0 with s->forward, s->reply and s->answering, or the reason to
 * drop with s->rule and s->direction. `fresh`: the packet at hand opens it, so its source is checked; else it is an
 * existing one whose masquerade port stays. */
INLINE int decide(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control, bool fresh) {
    const int reason = decide_policy(ctx, s, control, fresh);
    return reason || !s->masquerades ? reason : masquerade(s, control, !fresh);
}
