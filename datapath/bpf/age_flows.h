/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One pass over the flow tables, run by weftd every few seconds: ends what is idle and sends its close event. In the
 * kernel, so that removing an entry and counting its last packets cannot race with user space. */
#pragma once

#include "datapath/bpf/lib/event.h"
#include "datapath/bpf/lib/masquerade.h"
#include "datapath/bpf/lib/parse.h"

struct age_arguments {
    __u64 live4;
    __u64 live6;
    __u64 aged;
};

struct age_pass {
    struct age_arguments result;
    __u32 now;
};

/* Ticks that a connection is idle in both directions: an answer keeps the question's entry alive and the other way
 * round. */
CHECKED_ONCE int pair_idle(const struct weft_key6* tuple, const struct weft_entry* entry, __u32 last_seen, __u32 now,
                           __u64 seed) {
    if (!tuple || !entry) return 0;
    struct weft_key6 answer;
    tuple_answer(tuple, entry, &answer);
    __u32 idle = now - last_seen, other = idle, index;
    if (tuple_is_v4(&answer)) {
        struct weft_key4 key;
        key4_of(&answer, &key);
        const struct weft_flow4* slot = flow4_find(false, &key, flow4_hash(&key, seed), &index);
        if (slot) other = now - slot->last_seen;
    } else {
        const struct weft_flow6* slot = flow6_find(false, &answer, flow6_hash(&answer, seed), &index);
        if (slot) other = now - slot->last_seen;
    }
    return (int)(other < idle ? other : idle);
}

/* Of an entry's packets: those of the answering direction are replies, whose type is the request's plus one, but for
 * ICMP's echo. */
INLINE __u8 icmp_type_of(const struct weft_key6* tuple, const struct weft_entry* entry) {
    if (!(entry->flags & WEFT_FLOW_REPLY)) return tuple->icmp_type;
    return tuple->protocol == IPPROTO_ICMP && tuple->icmp_type == ICMP_ECHO ? ICMP_ECHOREPLY : tuple->icmp_type + 1;
}

INLINE void send_close(const struct weft_key6* tuple, const struct weft_entry* entry) {
    if (!is_logged(&entry->detail)) return;
    struct weft_event* event = event_begin(WEFT_EVENT_CLOSE);
    if (!event) return;
    event_tuple(event, tuple);
    if (tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6) {
        event->source_port = bpf_htons(icmp_type_of(tuple, entry));
        event->destination_port = 0;
    }
    event->hook = WEFT_HOOK_AGE;
    event_detail(event, entry);
    event->direction = entry->detail.destination_endpoint ? WEFT_INGRESS : WEFT_EGRESS;
    if (!(entry->flags & WEFT_FLOW_CLOSED)) event->flags |= WEFT_EVENT_AGED;
    event->packets = entry->packets;
    event->bytes = entry->bytes;
    event_end(event);
}

INLINE __u32 limit_of(const struct weft_control* control, bool half, __u8 protocol, __u8 flags) {
    if (half) return ticks_of_seconds(control->timeout_half_open);
    return idle_limit(control, protocol, flags);
}

/* Ends the connection's entry of one direction: takes it out, gives its counts to its rules, tells. */
CHECKED_ONCE int end_entry(bool half, const struct weft_key6* tuple, struct weft_entry* entry, __u64 seed) {
    if (!tuple || !entry) return 0;
    flow_take(half, tuple, entry, seed);
    count_rules(&entry->detail, entry->packets, entry->bytes, 0);
    /* A half-open connection's answering entry carried nothing. */
    if (entry->packets) send_close(tuple, entry);
    return 1;
}

/* Ends the slot's connection if its time is over. Each is checked once: in the loop over a set's ways the verifier of
 * kernel 6.1 would follow it eight times for each table and give up. */
CHECKED_ONCE int age_slot4(struct age_pass* pass, __u32 index, bool half) {
    const struct weft_control* control = control_of();
    if (!pass || !control) return 0;
    const struct weft_flow4* slot = half ? flow4_slot_at(true, index) : flow4_slot_at(false, index);
    if (!slot) return 0;
    pass->result.live4++;
    const struct weft_key4 key = slot->key;
    const __u32 last_seen = slot->last_seen, limit = limit_of(control, half, key.protocol, slot->flags);
    const __u64 seed = control->hash_seed, hash = flow4_hash(&key, seed);
    struct weft_entry entry;
    if (pass->now - last_seen <= limit || (__s32)(pass->now - last_seen) < 0 ||
        !BY_TABLE(half, flow4_load(true, &key, hash, &entry), flow4_load(false, &key, hash, &entry)))
        return 0;
    struct weft_key6 tuple = {.source_port = key.source_port,
                              .destination_port = key.destination_port,
                              .protocol = key.protocol,
                              .icmp_type = key.icmp_type};
    ip_set_v4(&tuple.source, key.source);
    ip_set_v4(&tuple.destination, key.destination);
    if (!half && (__u32)pair_idle(&tuple, &entry, last_seen, pass->now, seed) <= limit) return 0;
    end_entry(half, &tuple, &entry, seed);
    pass->result.aged++;
    return 1;
}

CHECKED_ONCE int age_slot6(struct age_pass* pass, __u32 index, bool half) {
    const struct weft_control* control = control_of();
    if (!pass || !control) return 0;
    const struct weft_flow6* slot = half ? flow6_slot_at(true, index) : flow6_slot_at(false, index);
    if (!slot) return 0;
    pass->result.live6++;
    const struct weft_key6 tuple = slot->key;
    const __u32 last_seen = slot->last_seen, limit = limit_of(control, half, tuple.protocol, slot->flags);
    const __u64 seed = control->hash_seed, hash = flow6_hash(&tuple, seed);
    struct weft_entry entry;
    if (pass->now - last_seen <= limit || (__s32)(pass->now - last_seen) < 0 ||
        !BY_TABLE(half, flow6_load(true, &tuple, hash, &entry), flow6_load(false, &tuple, hash, &entry)))
        return 0;
    if (!half && (__u32)pair_idle(&tuple, &entry, last_seen, pass->now, seed) <= limit) return 0;
    end_entry(half, &tuple, &entry, seed);
    pass->result.aged++;
    return 1;
}

INLINE long age_set4(__u64 set, struct age_pass* pass, bool half) {
    const __u64* word = flow4_tag_word(half, (__u32)set);
    if (!word) return 1;
    for (__u32 way = 0; way < WEFT_FLOW_WAYS && READ_ONCE(*word) != 0; way++)
        if ((READ_ONCE(*word) >> (8 * way)) & 0xff)
            age_slot4(pass, weft_slot_index((__u32)set, way, flow4_mask_of(half)), half);
    return 0;
}

INLINE long age_set6(__u64 set, struct age_pass* pass, bool half) {
    const __u64* word = flow6_tag_word(half, (__u32)set);
    if (!word) return 1;
    for (__u32 way = 0; way < WEFT_FLOW_WAYS && READ_ONCE(*word) != 0; way++)
        if ((READ_ONCE(*word) >> (8 * way)) & 0xff)
            age_slot6(pass, weft_slot_index((__u32)set, way, flow6_mask_of(half)), half);
    return 0;
}

/* One callback for each table: the table must be a constant for the look-ups to be inlined. */
static long age_main4(__u64 set, struct age_pass* pass) {
    return age_set4(set, pass, false);
}
static long age_main6(__u64 set, struct age_pass* pass) {
    return age_set6(set, pass, false);
}
static long age_half4(__u64 set, struct age_pass* pass) {
    return age_set4(set, pass, true);
}
static long age_half6(__u64 set, struct age_pass* pass) {
    return age_set6(set, pass, true);
}

SEC("syscall")
int age_flows(struct age_arguments* arguments) {
    struct age_pass pass = {.now = ticks_now()};
    bpf_loop(constants.flow4 + 1, age_main4, &pass, 0);
    bpf_loop(constants.flow6 + 1, age_main6, &pass, 0);
    bpf_loop(constants.half4 + 1, age_half4, &pass, 0);
    bpf_loop(constants.half6 + 1, age_half6, &pass, 0);
    *arguments = pass.result;
    return 0;
}

/* The tables' clock, for who reads them. */
SEC("syscall")
int read_clock(__u32* ticks) {
    *ticks = ticks_now();
    return 0;
}
