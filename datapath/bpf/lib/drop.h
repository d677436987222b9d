/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The one exit for packets that are not forwarded: counts, remembers, tells. */
#pragma once

#include "datapath/bpf/lib/clock.h"
#include "datapath/bpf/lib/event.h"
#include "datapath/bpf/lib/flow_hash.h"

INLINE bool is_policy_reason(__u32 reason) {
    return reason == WEFT_DROP_POLICY_DENIED || reason == WEFT_DROP_POLICY_DENY;
}

/* An echo's id is of no account. */
INLINE __be16 denial_port(const struct weft_packet* packet) {
    const __u8 protocol = packet->tuple.protocol;
    const bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    return icmp ? bpf_htons(packet->icmp_type) : packet->tuple.destination_port;
}

INLINE struct weft_denial* denial_slot(const struct weft_packet* packet, __u64 seed) {
    struct weft_key6 key = packet->tuple;
    key.source_port = 0;
    key.destination_port = denial_port(packet);
    const __u32 index = (__u32)flow6_hash(&key, seed ^ packet->ifindex) % WEFT_DENIALS;
    return bpf_map_lookup_elem(&denials, &index);
}

INLINE bool denial_is_of(const struct weft_denial* denial, const struct weft_packet* packet, __u32 generation) {
    return denial->generation == generation && denial->in_ifindex == packet->ifindex &&
           denial->protocol == packet->tuple.protocol && denial->destination_port == denial_port(packet) &&
           ip_equal(&denial->source, &packet->tuple.source) &&
           ip_equal(&denial->destination, &packet->tuple.destination);
}

INLINE void count_drop(const struct weft_packet* packet, __u32 reason, __u32 rule) {
    count_packet(reason, packet->hook, packet->segments, packet->length);
    if (is_policy_reason(reason)) count_rule(rule, packet->segments, packet->length, 0);
}

/* A packet of the same kind was denied a moment ago under the same policies: the answer is the same, and so is the
 * event. */
INLINE bool denied_before(struct weft_scratch* s, const struct weft_control* control) {
    const struct weft_packet* packet = &s->packet;
    const __u32 now = ticks_now(), interval = ticks_of_milliseconds(control->drop_interval_ms);
    if (now - s->denial_ticks >= interval) return false;
    struct weft_denial* denial = denial_slot(packet, control->hash_seed);
    if (!denial || !denial_is_of(denial, packet, READ_ONCE(control->generation)) || !is_policy_reason(denial->reason))
        return false;
    if (now - denial->event_ticks >= interval) return false;
    s->denial_ticks = now;
    __sync_fetch_and_add(&denial->packets, (__u32)packet->segments);
    __sync_fetch_and_add(&denial->bytes, packet->length);
    count_drop(packet, denial->reason, denial->rule);
    count_lost(WEFT_LOST_DROP_LIMIT);
    return true;
}

/* Whether an event of this drop is due; then the slot holds the counts that it must carry. `reason`: as in struct
 * weft_denial. */
INLINE bool drop_event_due(struct weft_denial* denial, const struct weft_packet* packet,
                           const struct weft_control* control, __u32 reason, __u32 rule) {
    const __u32 now = ticks_now();
    const bool same = denial_is_of(denial, packet, READ_ONCE(control->generation)) && denial->reason == reason;
    if (same && now - denial->event_ticks < ticks_of_milliseconds(control->drop_interval_ms)) {
        __sync_fetch_and_add(&denial->packets, (__u32)packet->segments);
        __sync_fetch_and_add(&denial->bytes, packet->length);
        return false;
    }
    if (!same) {
        denial->generation = 0;
        denial->source = packet->tuple.source;
        denial->destination = packet->tuple.destination;
        denial->destination_port = denial_port(packet);
        denial->protocol = packet->tuple.protocol;
        denial->in_ifindex = packet->ifindex;
        denial->packets = 0;
        denial->bytes = 0;
    }
    denial->reason = (__u8)reason;
    denial->rule = rule;
    denial->event_ticks = now;
    barrier();
    denial->generation = READ_ONCE(control->generation);
    return true;
}

CHECKED_ONCE int drop(struct weft_scratch* s, const struct weft_control* control, int why) {
    if (!s || !control) return TC_ACT_SHOT;
    const struct weft_packet* packet = &s->packet;
    const __u32 reason = (__u32)why, kept = reason | s->denial;
    count_drop(packet, reason, s->rule);
    s->denial_ticks = ticks_now();
    struct weft_denial* denial = denial_slot(packet, control->hash_seed);
    if (!denial) return TC_ACT_SHOT;
    if (!drop_event_due(denial, packet, control, kept, s->rule)) {
        count_lost(WEFT_LOST_DROP_LIMIT);
        return TC_ACT_SHOT;
    }
    const __u32 held_packets = __sync_lock_test_and_set(&denial->packets, 0);
    const __u64 held_bytes = __sync_lock_test_and_set(&denial->bytes, 0);
    struct weft_event* event = event_begin(WEFT_EVENT_DROP);
    if (!event) return TC_ACT_SHOT;
    event_packet(event, packet);
    event->reason = (__u8)reason;
    event->direction = (__u8)s->direction;
    event->source_identity = s->forward.detail.source_identity;
    event->destination_identity = s->forward.detail.destination_identity;
    event->source_endpoint = s->forward.detail.source_endpoint;
    event->destination_endpoint = s->forward.detail.destination_endpoint;
    event->rule[s->direction & 1] = is_policy_reason(reason) ? s->rule : 0;
    event->packets = held_packets + packet->segments;
    event->bytes = held_bytes + packet->length;
    event->generation = control->generation;
    event_end(event);
    return TC_ACT_SHOT;
}
