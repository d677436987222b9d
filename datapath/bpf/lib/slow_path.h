/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Everything that the fast path leaves: first packets, half-open connections, TCP's opening and closing, another
 * generation, fragments, extension headers, ICMP, and what is dropped. */
#pragma once

#include "datapath/bpf/lib/decide.h"
#include "datapath/bpf/lib/decision.h"
#include "datapath/bpf/lib/dns.h"
#include "datapath/bpf/lib/icmp_error.h"
#include "datapath/bpf/lib/link_local.h"
#include "datapath/bpf/lib/time_exceeded.h"

INLINE void send_event(__u8 type, const struct weft_packet* packet, const struct weft_entry* entry, __u64 packets,
                       __u64 bytes) {
    if (!is_logged(&entry->detail)) return;
    struct weft_event* event = type == WEFT_EVENT_NEW ? event_at(type, entry->detail.created_ns) : event_begin(type);
    if (!event) return;
    event_packet(event, packet);
    event_detail(event, entry);
    const bool to_node = type == WEFT_EVENT_NEW && packet->hook == WEFT_HOOK_FROM_NETDEV;
    const bool enters = entry->detail.rule[WEFT_INGRESS] || entry->detail.destination_endpoint || to_node;
    event->direction = enters ? WEFT_INGRESS : WEFT_EGRESS;
    event->packets = packets;
    event->bytes = bytes;
    event_end(event);
}

/* Asks for a connection and is nobody's answer: what was denied to its like is denied to it, whatever entries there
 * are. */
INLINE bool is_syn(const struct weft_packet* packet) {
    return packet->tuple.protocol == IPPROTO_TCP && (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* For the entries of the connection that this packet opens, unless it is masqueraded. */
INLINE void touch_ahead(struct weft_scratch* s, const struct weft_control* control) {
    tuple_reverse(&s->packet.tuple, &s->answering);
    flow_touch_ahead(&s->packet.tuple, &s->answering, control->hash_seed);
}

/* The first packet of a connection. */
INLINE int open_connection(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control) {
    const struct weft_packet* packet = &s->packet;
    if (!is_syn(packet) && denied_before(s, control)) return TC_ACT_SHOT;
    s->opened_ns = bpf_ktime_get_ns(); /* before memory is asked for: reading the clock waits for all loads */
    s->opening = packet->tuple;
    if (!is_syn(packet)) touch_ahead(s, control);
    int reason = decided_before(s, control);
    const bool known = reason != NOT_KNOWN;
    if (!known) reason = decide(ctx, s, control, true);
    /* Not for a pod of ours and from none: the host's own traffic, or what it routes. */
    if (reason == WEFT_DROP_UNKNOWN_DESTINATION && is_uplink(packet->hook)) return TC_ACT_OK;
    if (reason) return drop(s, control, reason);
    if (!known) remember_decision(s, control);
    if (unlikely(packet->tuple.destination_port == bpf_htons(WEFT_DNS_PORT))) read_dns_of(s);
    if (ends_here(packet, &s->forward)) return time_exceeded(ctx, s, control);
    s->forward.packets = packet->segments;
    s->forward.bytes = packet->length;
    s->reply.packets = s->reply.bytes = 0;
    if (!flow_open(&s->opening, &s->forward, &s->answering, &s->reply, control->hash_seed))
        return drop(s, control, WEFT_DROP_FLOW_TABLE_FULL);
    count_rules(&s->forward.detail, 0, 0, 1);
    send_event(WEFT_EVENT_NEW, packet, &s->forward, packet->segments, packet->length);
    if (unlikely(s->forward.flags & WEFT_FLOW_DNS)) dns_packet(ctx, s, &s->forward);
    return forward(ctx, s, control, &s->forward);
}

/* The other side answered: both entries move to the main table. A refused TCP connection (RST) stays where it is until
 * it is aged, and so does one that finds no place. */
CHECKED_ONCE int establish(struct weft_scratch* s, const struct weft_control* control) {
    if (!s || !control) return 0;
    const __u64 seed = control->hash_seed;
    tuple_answer(&s->packet.tuple, &s->found, &s->answering); /* the opening tuple */
    if (flow_lookup(&s->answering, &s->forward, seed) != FOUND_HALF) return 0;
    s->reply = s->found;
    s->forward.packets = s->forward.bytes = 0;
    s->reply.packets = s->reply.bytes = 0;
    if (!flow_put(false, &s->packet.tuple, &s->reply, seed)) return 0;
    const bool whole = flow_put(false, &s->answering, &s->forward, seed);
    /* Out of the table that it leaves; what it counted there stays with it. */
    flow_take(whole, &s->packet.tuple, &s->reply, seed);
    if (whole) flow_take(true, &s->answering, &s->forward, seed);
    const struct weft_entry* left = whole ? &s->forward : &s->reply;
    const struct weft_touch counts = {.packets = left->packets, .bytes = left->bytes};
    flow_touch(!whole, whole ? &s->answering : &s->packet.tuple, &counts, seed);
    return whole;
}

/* FIN in both directions, or RST: both entries are marked, and leave after the closing timeout. */
CHECKED_ONCE int close_marks(struct weft_scratch* s, const struct weft_control* control, bool half, __u32 own_flags) {
    if (!s || !control) return 0;
    const bool reset = s->packet.tcp_flags & TCP_RST;
    struct weft_touch touch = {};
    tuple_answer(&s->packet.tuple, &s->found, &s->answering);
    const __u32 other = (__u32)flow_touch(half, &s->answering, &touch, control->hash_seed);
    if (!reset && !((own_flags & WEFT_FLOW_FIN) && (other & WEFT_FLOW_FIN))) return 0;
    touch.flags = WEFT_FLOW_CLOSED;
    flow_touch(half, &s->answering, &touch, control->hash_seed);
    flow_touch(half, &s->packet.tuple, &touch, control->hash_seed);
    return 1;
}

/* The ends of a known connection, as its packets name them: for the event of a drop. */
INLINE void know_ends(struct weft_scratch* s) {
    const struct weft_flow_detail* known = &s->found.detail;
    struct weft_flow_detail* ends = &s->forward.detail;
    const bool reply = s->found.flags & WEFT_FLOW_REPLY;
    ends->source_identity = reply ? known->destination_identity : known->source_identity;
    ends->destination_identity = reply ? known->source_identity : known->destination_identity;
    ends->source_endpoint = reply ? known->destination_endpoint : known->source_endpoint;
    ends->destination_endpoint = reply ? known->source_endpoint : known->destination_endpoint;
}

/* A packet of a connection that is known and decided (s->found). */
INLINE int continue_connection(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control,
                               bool half) {
    const struct weft_packet* packet = &s->packet;
    const bool tcp = packet->tuple.protocol == IPPROTO_TCP;
    if (ends_here(packet, &s->found)) {
        know_ends(s);
        return time_exceeded(ctx, s, control);
    }
    if (half && (s->found.flags & WEFT_FLOW_REPLY) && !(tcp && (packet->tcp_flags & TCP_RST))) {
        half = !establish(s, control);
    }
    struct weft_touch touch = {.packets = packet->segments, .bytes = packet->length};
    if (tcp && (packet->tcp_flags & TCP_FIN)) touch.flags = WEFT_FLOW_FIN;
    const __u32 flags = (__u32)flow_touch(half, &packet->tuple, &touch, control->hash_seed);
    if (tcp && (packet->tcp_flags & (TCP_FIN | TCP_RST))) close_marks(s, control, half, flags);
    if (unlikely(s->found.flags & WEFT_FLOW_DNS)) dns_packet(ctx, s, &s->found);
    return forward(ctx, s, control, &s->found);
}

/* A known connection of another generation. Denied now: its entries stay as they are, so that every packet of it in
 * either direction is decided again until it is allowed or aged, and no answer is ever taken for a new connection. */
CHECKED_ONCE int decide_again(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control,
                              bool half) {
    if (!s || !control) return TC_ACT_SHOT;
    const bool reply = s->found.flags & WEFT_FLOW_REPLY;
    if (reply)
        tuple_answer(&s->packet.tuple, &s->found, &s->opening);
    else
        s->opening = s->packet.tuple;
    const int reason = decide(ctx, s, control, false);
    if (reason) return drop(s, control, reason);
    if (unlikely(s->opening.destination_port == bpf_htons(WEFT_DNS_PORT))) read_dns_of(s);
    if (s->packet.hook == WEFT_HOOK_FROM_POD &&
        (reply ? s->reply.in_ifindex : s->forward.in_ifindex) != s->packet.ifindex)
        return drop(s, control, WEFT_DROP_INVALID_SOURCE_IP); /* the address has another owner now */
    /* The other direction as well: the pod there may have been made again behind another device. */
    if (reply)
        flow_refresh(half, &s->opening, &s->forward, control->hash_seed, &s->forward);
    else
        flow_refresh(half, &s->answering, &s->reply, control->hash_seed, &s->reply);
    struct weft_entry* entry = reply ? &s->reply : &s->forward;
    entry->flags |= s->found.flags & (WEFT_FLOW_FIN | WEFT_FLOW_CLOSED);
    s->found = *entry;
    if (flow_refresh(half, &s->packet.tuple, entry, control->hash_seed, entry))
        send_event(WEFT_EVENT_CHANGED, &s->packet, entry, entry->packets, entry->bytes);
    return 0;
}

/* A SYN on the tuple of a closed connection opens a new one. */
INLINE bool opens_again(const struct weft_scratch* s) {
    return is_syn(&s->packet) && (s->found.flags & WEFT_FLOW_CLOSED);
}

/* Takes a closed connection's entries out, so that the new one starts its own. */
CHECKED_ONCE int forget_connection(struct weft_scratch* s, const struct weft_control* control, bool half) {
    if (!s || !control) return 0;
    const __u64 seed = control->hash_seed;
    tuple_answer(&s->packet.tuple, &s->found, &s->answering);
    for (int i = 0; i < 2; i++) {
        struct weft_key6* tuple = i ? &s->answering : &s->packet.tuple;
        if (!flow_lookup(tuple, &s->forward, seed)) continue;
        flow_take(half, tuple, &s->forward, seed);
        count_rules(&s->forward.detail, s->forward.packets, s->forward.bytes, 0);
    }
    return 1;
}

/* May the entry serve this packet? From a pod only what the entry's own device sends; a pod's address never comes from
 * the network. */
INLINE bool comes_from_the_right_place(const struct weft_scratch* s) {
    return s->found.in_ifindex == s->packet.ifindex || s->packet.hook == WEFT_HOOK_TO_POD;
}

/* The packet's source is a pod behind this device, and the entry is of one that had the address before. */
INLINE bool is_new_owner(struct weft_scratch* s) {
    if (s->packet.hook != WEFT_HOOK_FROM_POD || !address_of(&s->packet.tuple.source, &s->from)) return false;
    const struct weft_endpoint* owner = endpoint_at(s->from.endpoint);
    return owner && owner->ifindex == s->packet.ifindex;
}

/* Whether the entry that was found is this packet's. False: the packet opens a connection of its own. */
INLINE bool serves(struct weft_scratch* s, const struct weft_control* control, bool half) {
    const bool strange = !comes_from_the_right_place(s);
    if (strange && !is_new_owner(s)) return false;
    if (!strange && !opens_again(s)) return true;
    forget_connection(s, control, half);
    return false;
}

/* s->found. A reply of ICMP belongs to its request's connection; without one it opens its own, which no request of the
 * other side belongs to. */
INLINE int find_connection(struct weft_scratch* s, const struct weft_control* control) {
    struct weft_packet* packet = &s->packet;
    const int found = flow_lookup(&packet->tuple, &s->found, control->hash_seed);
    if (found || packet->tuple.icmp_type == packet->icmp_type) return found;
    packet->tuple.icmp_type = packet->icmp_type;
    return flow_lookup(&packet->tuple, &s->found, control->hash_seed);
}

INLINE int slow_path(struct __sk_buff* ctx, __u8 hook) {
    struct weft_scratch* s = scratch_of();
    const struct weft_control* control = control_of();
    if (!s || !control) return TC_ACT_SHOT;
    s->rule = 0;
    s->denial = 0;
    s->direction = first_direction(hook);
    forget_ends(s);
    const int malformed = parse_packet(ctx, &s->packet, hook);
    if (malformed) return drop(s, control, malformed);
    if (hook == WEFT_HOOK_FROM_POD && stays_on_link(&s->packet)) return drop_on_link(s, control);
    if (s->packet.flags & PACKET_LINK_LOCAL) return TC_ACT_OK;
    if (s->packet.flags & PACKET_ICMP_ERROR) return icmp_error(ctx, s, control);
    if (is_syn(&s->packet)) {
        if (denied_before(s, control)) return TC_ACT_SHOT;
        touch_ahead(s, control);
    }
    const int found = find_connection(s, control);
    const bool half = found == FOUND_HALF;
    if (!found || !serves(s, control, half)) return open_connection(ctx, s, control);
    if (s->found.generation != READ_ONCE(control->generation)) {
        const int verdict = decide_again(ctx, s, control, half);
        if (verdict) return verdict;
    }
    return continue_connection(ctx, s, control, half);
}
