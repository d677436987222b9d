/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The sets of what pods asked and learned of DNS (layout: datapath/abi/dns.h). */
#pragma once

#include "datapath/bpf/lib/address.h"
#include "datapath/bpf/lib/flow_hash.h"
#include "datapath/bpf/lib/scratch.h"

#define NO_WAY WEFT_DNS_WAYS
#define SECOND_NS 1000000000ULL

INLINE __u32 boot_seconds(void) {
    return (__u32)(bpf_ktime_get_boot_ns() / SECOND_NS);
}

INLINE void count_dns(__u32 what) {
    __u64* counter = bpf_map_lookup_elem(&dns_counters, &what);
    if (counter) (*counter)++;
}

/* Whose questions and answers the connection's are. 0: no pod's of this node. */
INLINE __u32 dns_owner_of(__u32 endpoint_number) {
    const struct weft_endpoint* endpoint = endpoint_at(endpoint_number);
    return endpoint ? weft_dns_owner(endpoint->ifindex, endpoint->mac) : 0;
}

/* Two multiplications a word: after one, a change of the word's highest bit is still one that the next word can take
 * back, whatever the seed, and names and addresses are chosen by others. */
INLINE __u64 hash_word(__u64 hash, __u64 word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash = (hash ^ (hash >> 32)) * 0xbf58476d1ce4e5b9ULL;
    return hash ^ (hash >> 29);
}

INLINE __u64 dns_hash(__u32 owner, const struct weft_ip* ip, __u32 rest, __u64 seed) {
    const __u64* word = (const __u64*)ip;
    const __u64 h = hash_word(hash_word(seed, word[0]), word[1]);
    return mix64(h + ((__u64)owner << 32 | rest));
}

/* The way that may hold the key, or NO_WAY. */
INLINE __u32 dns_way(const struct weft_dns_set* set, __u32 owner, __u32 check) {
    for (__u32 way = 0; way < WEFT_DNS_WAYS; way++)
        if (set->ways[way].owner == owner && set->ways[way].check == check) return way;
    return NO_WAY;
}

/* Without branches: the verifier would follow every number of ways. */
INLINE __u32 ways_of(const struct weft_dns_set* set, __u32 owner) {
    __u64 count = 0;
#pragma clang loop unroll(disable)
    for (__u32 way = 0; way < WEFT_DNS_WAYS; way++) {
        __u64 difference = set->ways[way].owner ^ owner;
        UNKNOWN(difference);
        count += (difference - 1) >> 63;
    }
    return (__u32)count;
}

/* Of the ways of `owner`, or of all (owner 0), the one that ends first, and before `limit`. Many end in one second:
 * every write to the set moves the place where the search begins, so that it does not find the newest of them. */
INLINE __u32 first_to_end(const struct weft_dns_set* set, __u32 owner, __u32 limit) {
    __u32 best = NO_WAY, writes = 0;
    for (__u32 way = 0; way < WEFT_DNS_WAYS; way++) writes += set->ways[way].sequence / 2;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEFT_DNS_WAYS; i++) {
        __u64 way = writes + i;
        MASKED(way, WEFT_DNS_WAYS - 1);
        if (set->ways[way].expires >= limit || (owner && set->ways[way].owner != owner)) continue;
        best = (__u32)way;
        limit = set->ways[way].expires;
    }
    return best;
}

/* A way for a new key of `owner`: a free one or the one that is over longest, else the next to end of the pod that has
 * most, this one if it has as many as any. NO_WAY: each is another pod's. */
CHECKED_ONCE __u32 dns_place(const struct weft_dns_set* set, __u32 owner, __u32 now) {
    if (!set) return NO_WAY;
    const __u32 over = first_to_end(set, 0, now + 1);
    if (over != NO_WAY) return over;
    __u32 loser = owner, most = ways_of(set, owner);
#pragma clang loop unroll(disable)
    for (__u32 way = 0; way < WEFT_DNS_WAYS; way++) {
        const __u32 count = ways_of(set, set->ways[way].owner);
        if (count <= most) continue;
        most = count;
        loser = set->ways[way].owner;
    }
    return most < 2 && loser != owner ? NO_WAY : first_to_end(set, loser, 0xffffffff);
}

/* Takes a way for writing. False: another CPU writes it. */
INLINE bool dns_lock(struct weft_dns_head* head) {
    const __u32 sequence = READ_ONCE(head->sequence);
    return !(sequence & 1) && __sync_val_compare_and_swap(&head->sequence, sequence, sequence + 1) == sequence;
}

INLINE void dns_unlock(struct weft_dns_head* head) {
    barrier();
    WRITE_ONCE(head->sequence, head->sequence + 1);
    barrier();
}

/* A way of a set without the compiler's doubts about its number. */
INLINE struct weft_dns_head* dns_head(struct weft_dns_set* set, __u64 way) {
    MASKED(way, WEFT_DNS_WAYS - 1);
    return &set->ways[way];
}
