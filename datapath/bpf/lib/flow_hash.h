/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Positions of a key in the flow tables. The seed is secret and per node, so that nobody outside can aim at one set. */
#pragma once

#include "datapath/bpf/lib/common.h"

/* The constants are the 64-bit finaliser's of SplitMix64 (Steele, Lea, Flood 2014, figure 16). */
INLINE __u64 mix64(__u64 x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

INLINE __u64 flow4_hash(const struct weft_key4* key, __u64 seed) {
    const __u64* word = (const __u64*)key;
    return mix64((word[0] ^ seed) * 0x9e3779b97f4a7c15ULL + word[1]);
}

INLINE __u64 flow6_hash(const struct weft_key6* key, __u64 seed) {
    const __u64* word = (const __u64*)key;
    __u64 h = (word[0] ^ seed) * 0x9e3779b97f4a7c15ULL + word[1];
    h = (h ^ (h >> 32)) * 0xbf58476d1ce4e5b9ULL + word[2];
    h = (h ^ (h >> 32)) * 0x94d049bb133111ebULL + word[3];
    return mix64(h + word[4]);
}

/* The 8 bits that stand in the tag word; 0 means "free". */
INLINE __u64 tag_of(__u64 hash) {
    const __u64 tag = hash >> 56;
    return tag ? tag : 1;
}

#define TAG_ONES 0x0101010101010101ULL
#define TAG_HIGHS 0x8080808080808080ULL

/* Highest bit of each byte of `word` that equals `tag`. The lowest such bit is exact; higher ones may be false
 * (borrow), which costs a comparison of keys and nothing else. */
INLINE __u64 tag_matches(__u64 word, __u64 tag) {
    const __u64 x = word ^ (tag * TAG_ONES);
    return (x - TAG_ONES) & ~x & TAG_HIGHS;
}

/* The way (0..7) of the lowest bit of tag_matches' answer: BPF has no count of trailing zeros. */
INLINE __u32 way_of(__u64 matches) {
    const __u64 lowest = (matches & -matches) >> 7;
    return (__u32)((lowest * 0x0001020304050607ULL) >> 56);
}

/* Highest bit of each byte of `word` that is 0, exact in all of them. */
INLINE __u64 free_ways(__u64 word) {
    const __u64 low = ~TAG_HIGHS;
    return ~(((word & low) + low) | word | low);
}

INLINE __u32 count_ways(__u64 matches) {
    return (__u32)(((matches >> 7) * TAG_ONES) >> 56);
}

/* The second set that may hold a key; its own inverse. */
INLINE __u32 other_set(__u32 set, __u64 tag, __u32 mask) {
    return (set ^ (__u32)(tag * 0x5bd1e995U)) & mask;
}
