/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The flow tables of both families: flow4_find, flow6_find and so on. */
#pragma once

#include "datapath/bpf/lib/clock.h"
#include "datapath/bpf/lib/count.h"
#include "datapath/bpf/lib/entry.h"
#include "datapath/bpf/lib/flow_hash.h"
#include "datapath/bpf/lib/maps.h"

/* A packet to count and flags to set in an entry. */
struct weft_touch {
    __u64 packets;
    __u64 bytes;
    __u8 flags;
};

/* Ticks after which an idle established entry is over. */
INLINE __u32 idle_limit(const struct weft_control* control, __u8 protocol, __u8 flags) {
    if (flags & WEFT_FLOW_CLOSED) return ticks_of_seconds(control->timeout_closing);
    if (protocol == IPPROTO_TCP) return ticks_of_seconds(control->timeout_tcp);
    if (protocol == IPPROTO_UDP) return ticks_of_seconds(control->timeout_udp);
    return ticks_of_seconds(control->timeout_other);
}

#define FLOW struct weft_flow4
#define KEY struct weft_key4
#define FN(name) flow4_##name
#define MAIN flow4
#define MAIN_DETAIL flow4_detail
#define MAIN_TAGS flow4_tags
#define MAIN_MASK constants.flow4
#define HALF half4
#define HALF_DETAIL half4_detail
#define HALF_TAGS half4_tags
#define HALF_MASK constants.half4
#include "datapath/bpf/lib/flow_table.inc.h"
#undef FLOW
#undef KEY
#undef FN
#undef MAIN
#undef MAIN_DETAIL
#undef MAIN_TAGS
#undef MAIN_MASK
#undef HALF
#undef HALF_DETAIL
#undef HALF_TAGS
#undef HALF_MASK

#define FLOW struct weft_flow6
#define KEY struct weft_key6
#define FN(name) flow6_##name
#define MAIN flow6
#define MAIN_DETAIL flow6_detail
#define MAIN_TAGS flow6_tags
#define MAIN_MASK constants.flow6
#define HALF half6
#define HALF_DETAIL half6_detail
#define HALF_TAGS half6_tags
#define HALF_MASK constants.half6
#include "datapath/bpf/lib/flow_table.inc.h"
#undef FLOW
#undef KEY
#undef FN
#undef MAIN
#undef MAIN_DETAIL
#undef MAIN_TAGS
#undef MAIN_MASK
#undef HALF
#undef HALF_DETAIL
#undef HALF_TAGS
#undef HALF_MASK

/* The same for a tuple of either family (IPv4 addresses mapped). */

INLINE bool tuple_is_v4(const struct weft_key6* tuple) {
    return ip_is_v4(&tuple->source);
}

INLINE void key4_of(const struct weft_key6* tuple, struct weft_key4* key) {
    key->source = ip_v4(&tuple->source);
    key->destination = ip_v4(&tuple->destination);
    key->source_port = tuple->source_port;
    key->destination_port = tuple->destination_port;
    *(__u32*)&key->protocol = *(const __u32*)&tuple->protocol;
}

/* Where a tuple was found. */
enum { FOUND_NOT = 0, FOUND_MAIN = 1, FOUND_HALF = 2 };

CHECKED_ONCE int flow_lookup(const struct weft_key6* tuple, struct weft_entry* entry, __u64 seed) {
    if (!tuple || !entry) return FOUND_NOT;
    if (tuple_is_v4(tuple)) {
        struct weft_key4 key;
        key4_of(tuple, &key);
        const __u64 hash = flow4_hash(&key, seed);
        if (flow4_load(false, &key, hash, entry)) return FOUND_MAIN;
        return flow4_load(true, &key, hash, entry) ? FOUND_HALF : FOUND_NOT;
    }
    const __u64 hash = flow6_hash(tuple, seed);
    if (flow6_load(false, tuple, hash, entry)) return FOUND_MAIN;
    return flow6_load(true, tuple, hash, entry) ? FOUND_HALF : FOUND_NOT;
}

/* The table is a constant for the compiler in each branch: only then does the kernel inline the array's look-ups. */
#define BY_TABLE(half, call_half, call_main) ((half) ? (call_half) : (call_main))

CHECKED_ONCE int flow_put(bool half, const struct weft_key6* tuple, const struct weft_entry* entry, __u64 seed) {
    if (!tuple || !entry) return 0;
    if (tuple_is_v4(tuple)) {
        struct weft_key4 key;
        key4_of(tuple, &key);
        const __u64 hash = flow4_hash(&key, seed);
        return BY_TABLE(half, flow4_put(true, &key, entry, hash), flow4_put(false, &key, entry, hash));
    }
    const __u64 hash = flow6_hash(tuple, seed);
    return BY_TABLE(half, flow6_put(true, tuple, entry, hash), flow6_put(false, tuple, entry, hash));
}

/* Enters both half-open entries of a connection whose opening tuple is in no table. 0: no place, and neither is there.
 */
INLINE int flow_open(const struct weft_key6* opening, const struct weft_entry* forward,
                     const struct weft_key6* answering, const struct weft_entry* reply, __u64 seed) {
    if (!opening || !forward || !answering || !reply) return 0;
    if (!tuple_is_v4(opening)) return flow6_open(opening, forward, answering, reply, seed);
    struct weft_key4 key, back;
    key4_of(opening, &key);
    key4_of(answering, &back);
    return flow4_open(&key, forward, &back, reply, seed);
}

/* For the half-open entries of both directions of a connection. */
INLINE int flow_touch_ahead(const struct weft_key6* opening, const struct weft_key6* answering, __u64 seed) {
    if (!opening || !answering) return 0;
    if (tuple_is_v4(opening)) {
        struct weft_key4 key, back;
        key4_of(opening, &key);
        key4_of(answering, &back);
        flow4_touch_ahead(&key, &back, seed);
        return 1;
    }
    flow6_touch_ahead(opening, answering, seed);
    return 1;
}

/* Takes the tuple's entry out of a table; its counts go into `entry`. */
CHECKED_ONCE int flow_take(bool half, const struct weft_key6* tuple, struct weft_entry* entry, __u64 seed) {
    if (!tuple || !entry) return 0;
    if (tuple_is_v4(tuple)) {
        struct weft_key4 key;
        key4_of(tuple, &key);
        const __u64 hash = flow4_hash(&key, seed);
        return BY_TABLE(half, flow4_take(true, &key, entry, hash), flow4_take(false, &key, entry, hash));
    }
    const __u64 hash = flow6_hash(tuple, seed);
    return BY_TABLE(half, flow6_take(true, tuple, entry, hash), flow6_take(false, tuple, entry, hash));
}

CHECKED_ONCE int flow_touch(bool half, const struct weft_key6* tuple, const struct weft_touch* touch, __u64 seed) {
    if (!tuple || !touch) return 0;
    if (tuple_is_v4(tuple)) {
        struct weft_key4 key;
        key4_of(tuple, &key);
        const __u64 hash = flow4_hash(&key, seed);
        return (int)BY_TABLE(half, flow4_touch(true, &key, hash, touch), flow4_touch(false, &key, hash, touch));
    }
    const __u64 hash = flow6_hash(tuple, seed);
    return (int)BY_TABLE(half, flow6_touch(true, tuple, hash, touch), flow6_touch(false, tuple, hash, touch));
}

CHECKED_ONCE int flow_refresh(bool half, const struct weft_key6* tuple, const struct weft_entry* entry, __u64 seed,
                              struct weft_entry* counts) {
    if (!tuple || !entry || !counts) return 0;
    if (tuple_is_v4(tuple)) {
        struct weft_key4 key;
        key4_of(tuple, &key);
        const __u64 hash = flow4_hash(&key, seed);
        return BY_TABLE(half, flow4_refresh(true, &key, entry, hash, counts),
                        flow4_refresh(false, &key, entry, hash, counts));
    }
    const __u64 hash = flow6_hash(tuple, seed);
    return BY_TABLE(half, flow6_refresh(true, tuple, entry, hash, counts),
                    flow6_refresh(false, tuple, entry, hash, counts));
}
