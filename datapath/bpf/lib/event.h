/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Events to the ring buffer. The reader polls (BPF_RB_NO_WAKEUP): waking it would cost every first packet more than its
 * decision. */
#pragma once

#include "datapath/bpf/lib/count.h"
#include "datapath/bpf/lib/scratch.h"

INLINE struct weft_event* event_at(__u8 type, __u64 time_ns) {
    struct weft_event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
    if (!event) {
        count_lost(WEFT_LOST_RING_FULL);
        return NULL;
    }
    __builtin_memset(event, 0, sizeof *event);
    event->header.type = type;
    event->header.version = WEFT_EVENT_VERSION;
    event->header.length = sizeof *event;
    event->time_ns = time_ns;
    return event;
}

INLINE struct weft_event* event_begin(__u8 type) {
    return event_at(type, bpf_ktime_get_ns());
}

INLINE void event_tuple(struct weft_event* event, const struct weft_key6* tuple) {
    event->source = tuple->source;
    event->destination = tuple->destination;
    event->source_port = tuple->source_port;
    event->destination_port = tuple->destination_port;
    event->protocol = tuple->protocol;
}

INLINE void event_packet(struct weft_event* event, const struct weft_packet* packet) {
    event_tuple(event, &packet->tuple);
    event->hook = packet->hook;
    event->ifindex = packet->ifindex;
    event->tcp_flags = packet->tcp_flags;
    if (packet->tuple.protocol == IPPROTO_ICMP || packet->tuple.protocol == IPPROTO_ICMPV6) {
        event->source_port = bpf_htons(packet->icmp_type);
        event->destination_port = bpf_htons(packet->icmp_code);
    }
}

/* What a connection's detail knows; for an entry of the answering direction source and destination change places. */
INLINE void event_detail(struct weft_event* event, const struct weft_entry* entry) {
    const struct weft_flow_detail* detail = &entry->detail;
    const bool reply = entry->flags & WEFT_FLOW_REPLY;
    event->source_identity = reply ? detail->destination_identity : detail->source_identity;
    event->destination_identity = reply ? detail->source_identity : detail->destination_identity;
    event->source_endpoint = reply ? detail->destination_endpoint : detail->source_endpoint;
    event->destination_endpoint = reply ? detail->source_endpoint : detail->destination_endpoint;
    event->rule[WEFT_EGRESS] = detail->rule[WEFT_EGRESS];
    event->rule[WEFT_INGRESS] = detail->rule[WEFT_INGRESS];
    event->generation = entry->generation;
    if (reply) event->flags |= WEFT_EVENT_REPLY;
    if (unlikely(detail->flags & WEFT_DETAIL_AUDITED)) {
        event->flags |= WEFT_EVENT_AUDITED;
        event->audit_reason = detail->audit_reason;
        event->audit_direction = detail->audit_direction;
        event->audit_rule[WEFT_EGRESS] = detail->audit_rule[WEFT_EGRESS];
        event->audit_rule[WEFT_INGRESS] = detail->audit_rule[WEFT_INGRESS];
    }
    if (!(entry->flags & (WEFT_FLOW_SNAT | WEFT_FLOW_DNAT))) return;
    event->flags |= entry->flags & WEFT_FLOW_SNAT ? WEFT_EVENT_SNAT : WEFT_EVENT_DNAT;
    event->rewrite_address = entry->detail.rewrite_address;
    event->rewrite_port = detail->rewrite_port;
}

/* Whether a connection has events: its policies may want none, unless one in audit mode would deny it. */
INLINE bool is_logged(const struct weft_flow_detail* detail) {
    return likely(!(detail->flags & WEFT_DETAIL_UNLOGGED)) || detail->audit_reason;
}

INLINE void event_end(struct weft_event* event) {
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}
