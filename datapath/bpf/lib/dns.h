/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* DNS over UDP between a pod and its resolver, as far as the pod's policies speak of names: each question is
 * remembered, and its answer entered before it is delivered. Never drops a packet: what cannot be read enters nothing.
 */
#pragma once

#include "datapath/bpf/lib/decide.h"
#include "datapath/bpf/lib/dns_message.h"

/* After a decision about s->opening, which goes to DNS's port: whether its packets are read. */
INLINE void read_dns_of(struct weft_scratch* s) {
    const struct weft_endpoint* source = endpoint_at(s->forward.detail.source_endpoint);
    if (!source || !(source->flags & WEFT_ENDPOINT_DNS) || s->opening.protocol != IPPROTO_UDP) return;
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

INLINE void enter_answer(struct weft_dns_work* w) {
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
}

/* The packet's message to w->message. */
INLINE bool load_message(struct __sk_buff* ctx, struct weft_dns_work* w, const struct weft_packet* packet) {
    __be16 said;
    if (packet->flags & (PACKET_LATER_FRAGMENT | PACKET_FIRST_FRAGMENT)) return false;
    if (bpf_skb_load_bytes(ctx, packet->l4 + 4, &said, sizeof said) < 0) return false;
    __u64 length = bpf_ntohs(said) - 8ULL;
    if (length > WEFT_DNS_MESSAGE) return false;
    asm volatile("" : "+r"(length));
    if (length < DNS_HEADER + 5) return false;
    if (bpf_skb_load_bytes(ctx, packet->l4 + 8, w->message, (__u32)length) < 0) return false;
    w->length = (__u32)length;
    return true;
}

/* A packet of a connection that is read, in the direction of `entry`. */
CHECKED_ONCE int dns_message(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_entry* entry) {
    const __u32 zero = 0;
    struct weft_dns_work* w = bpf_map_lookup_elem(&dns_work, &zero);
    const struct weft_control* control = control_of();
    if (!s || !entry || !w || !control) return 0;
    w->owner = dns_owner_of(entry->detail.source_endpoint);
    w->now = boot_seconds();
    w->seed = control->hash_seed;
    w->latency_ns = 0;
    if (w->owner == 0) return 0;
    if (!load_message(ctx, w, &s->packet)) {
        count_dns(WEFT_DNS_MALFORMED);
        return 0;
    }
    const bool reply = entry->flags & WEFT_FLOW_REPLY;
    if (!reply && !dns_question(w, s)) return 0;
    if (reply) {
        /* A pod's port may be another here: its own is in the rewrite of a translated answer. */
        const bool translated = entry->flags & WEFT_FLOW_DNAT;
        const __be16 port = translated ? entry->detail.rewrite_port : s->packet.tuple.destination_port;
        if (!dns_answer(w, s, port)) return 0;
        enter_answer(w);
    }
    return dns_event(w, s, entry);
}
