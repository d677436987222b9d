/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* DNS between a pod and its resolver, as far as the pod's policies speak of names: each question is remembered, and its
 * answer entered before it is delivered. Never drops a packet: what cannot be read enters nothing. */
#pragma once

#include "datapath/bpf/lib/dns_stream.h"
#include "datapath/bpf/lib/event.h"

/* After a decision about s->opening, which goes to DNS's port: whether its packets are read. */
INLINE void read_dns_of(struct weft_scratch* s) {
    const struct weft_endpoint* source = endpoint_at(s->forward.detail.source_endpoint);
    const __u8 protocol = s->opening.protocol;
    if (!source || !(source->flags & WEFT_ENDPOINT_DNS)) return;
    if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP) return;
    s->forward.flags |= WEFT_FLOW_DNS;
    s->reply.flags |= WEFT_FLOW_DNS;
}

#define DNS_EVENTS_PER_SECOND 4096 /* of a CPU: others find place in the ring beside them */

INLINE bool dns_event_due(struct weft_dns_work* w) {
    const __u32 now = ticks_now();
    if (now - w->events_ticks >= constants.ticks_per_second) {
        w->events_ticks = now;
        w->events = 0;
    }
    return w->events++ < DNS_EVENTS_PER_SECOND;
}

CHECKED_ONCE int dns_event(struct weft_dns_work* w, const struct weft_scratch* s, const struct weft_entry* entry) {
    if (!w || !s || !entry || !is_logged(&entry->detail)) return 0;
    struct weft_dns_event* event = dns_event_due(w) ? bpf_ringbuf_reserve(&events, sizeof *event, 0) : NULL;
    if (!event) {
        count_lost(w->events > DNS_EVENTS_PER_SECOND ? WEFT_LOST_DNS_LIMIT : WEFT_LOST_RING_FULL);
        return 0;
    }
    __builtin_memset(event, 0, sizeof *event);
    struct weft_event* flow = &event->flow;
    flow->header.type = WEFT_EVENT_DNS;
    flow->header.version = WEFT_EVENT_VERSION;
    flow->header.length = sizeof *event;
    flow->time_ns = bpf_ktime_get_ns();
    event_packet(flow, &s->packet);
    event_detail(flow, entry);
    flow->direction = WEFT_EGRESS;
    flow->packets = s->packet.segments;
    flow->bytes = s->packet.length;
    event->type = *(const __be16*)message_at(w, w->question.next);
    event->name_length = w->question.length;
    event->class_id = w->class_id;
    copy_name(event->name, &w->question);
    if (entry->flags & WEFT_FLOW_REPLY) {
        event->latency_ns = w->latency_ns;
        event->rcode = *message_at(w, 3) & DNS_RCODE;
        event->addresses = (__u8)w->count;
        event->ttl = w->count ? w->lowest : 0;
        for (__u32 i = 0; i < WEFT_DNS_EVENT_ADDRESSES; i++) {
            if (i >= w->count) break;
            event->address[i] = w->found[i];
        }
    }
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
    return 1;
}

CHECKED_ONCE int dns_question(struct weft_dns_work* w, const struct weft_scratch* s) {
    if (!w || !s) return 0;
    if ((*message_at(w, 2) & DNS_ANSWER_BIT) || !read_question(w)) {
        count_dns(WEFT_DNS_MALFORMED);
        return 0;
    }
    w->class_id = 0;
    remember_question(w, &s->packet);
    return 1;
}

/* The names behind what was asked, if it was: 0, or w->found. */
CHECKED_ONCE int dns_answer(struct weft_dns_work* w, const struct weft_scratch* s, __u32 port) {
    if (!w || !s) return 0;
    w->count = 0;
    if (!(*message_at(w, 2) & DNS_ANSWER_BIT) || !read_question(w)) {
        count_dns(WEFT_DNS_MALFORMED);
        return 0;
    }
    if (!was_asked(w, &s->packet, (__be16)port)) {
        count_dns(WEFT_DNS_UNASKED);
        return 0;
    }
    const __u32 records = message16(w, 6);
    if (*message_at(w, 2) & DNS_TRUNCATED_BIT) {
        count_dns(WEFT_DNS_TRUNCATED);
    } else if (records > WEFT_DNS_RECORDS) {
        count_dns(WEFT_DNS_TOO_MANY);
    } else if (!read_records(w, records)) {
        count_dns(WEFT_DNS_MALFORMED);
        w->count = 0;
    } else {
        count_dns(WEFT_DNS_ANSWERS);
    }
    return 1;
}

CHECKED_ONCE int enter_answer(struct weft_dns_work* w) {
    if (!w) return 0;
    const __u32 said = w->lowest;
    if ((*message_at(w, 3) & DNS_RCODE) != 0) w->count = 0;
    w->lowest = ttl_bounded(said);
    for (__u32 i = 0; i < WEFT_DNS_RECORDS && i < w->count; i++)
        if (w->ttls[i] > w->lowest) w->lowest = w->ttls[i];
    if (enter_name(w))
        for (__u32 i = 0; i < WEFT_DNS_RECORDS; i++) {
            if (i >= w->count) break;
            enter_address(w, i);
        }
    w->lowest = said;
    return 1;
}

/* A datagram's message to w->message. */
CHECKED_ONCE int load_datagram(struct __sk_buff* ctx, struct weft_dns_work* w, const struct weft_scratch* s) {
    if (!w || !s) return DNS_NOTHING;
    const struct weft_packet* packet = &s->packet;
    if ((packet->flags & (PACKET_LATER_FRAGMENT | PACKET_FIRST_FRAGMENT)) ||
        bpf_skb_load_bytes(ctx, packet->l4 + 4, w->head, 2) < 0 ||
        !load_message(ctx, w, packet->l4 + 8, ((__u32)w->head[0] << 8 | w->head[1]) - 8)) {
        count_dns(WEFT_DNS_MALFORMED);
        return DNS_NOTHING;
    }
    return DNS_WHOLE;
}

/* What w->message says, in the direction of `entry`. */
INLINE void read_message(struct weft_dns_work* w, const struct weft_scratch* s, const struct weft_entry* entry) {
    w->latency_ns = 0;
    if (entry->flags & WEFT_FLOW_REPLY) {
        /* A pod's port may be another here: its own is in the rewrite of a translated answer. */
        const bool translated = entry->flags & WEFT_FLOW_DNAT;
        const __be16 port = translated ? entry->detail.rewrite_port : s->packet.tuple.destination_port;
        if (!dns_answer(w, s, port)) return;
        enter_answer(w);
    } else if (!dns_question(w, s)) {
        return;
    }
    dns_event(w, s, entry);
}

/* Whose message it is, and when. 0: no pod's of this node. */
CHECKED_ONCE int begin_work(struct weft_dns_work* w, const struct weft_entry* entry) {
    const struct weft_control* control = control_of();
    if (!w || !entry || !control) return 0;
    w->owner = dns_owner_of(entry->detail.source_endpoint);
    w->now = boot_seconds();
    w->seed = control->hash_seed;
    return w->owner != 0;
}

/* A packet of a connection that is read, in the direction of `entry`. */
CHECKED_ONCE int dns_packet(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_entry* entry) {
    const __u32 zero = 0;
    struct weft_dns_work* w = bpf_map_lookup_elem(&dns_work, &zero);
    if (!s || !entry || !w || !begin_work(w, entry)) return 0;
    const bool tcp = s->packet.tuple.protocol == IPPROTO_TCP;
    if (tcp && !begin_segment(ctx, w, s, entry)) return 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < WEFT_DNS_SEGMENT_MESSAGES; i++) {
        const int found = tcp ? next_message(ctx, w) : load_datagram(ctx, w, s);
        if (found == DNS_NOTHING) break;
        if (found == DNS_WHOLE) read_message(w, s, entry);
        if (!tcp) return 1;
    }
    end_segment(w, s->packet.tcp_flags);
    return 1;
}
