/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The flow table of one family (layout: datapath/abi/flow.h). Included once for IPv4 and once for IPv6, with
 *   FLOW  the slot's type      KEY  the key's type      FN(name)  the family's name of a function
 *   MAIN, HALF  the established and the half-open table, each with _DETAIL, _TAGS and _MASK
 * No include guard. */

INLINE bool FN(key_equal)(const KEY* a, const KEY* b) {
    const __u64 *x = (const __u64*)a, *y = (const __u64*)b;
    __u64 difference = 0;
    for (unsigned int i = 0; i < sizeof(KEY) / 8; i++) difference |= x[i] ^ y[i];
    return difference == 0;
}

INLINE __u64* FN(tag_word)(bool half, __u32 set) {
    return half ? bpf_map_lookup_elem(&HALF_TAGS, &set) : bpf_map_lookup_elem(&MAIN_TAGS, &set);
}

INLINE FLOW* FN(slot_at)(bool half, __u32 index) {
    return half ? bpf_map_lookup_elem(&HALF, &index) : bpf_map_lookup_elem(&MAIN, &index);
}

INLINE struct weft_flow_detail* FN(detail_at)(bool half, __u32 index) {
    return half ? bpf_map_lookup_elem(&HALF_DETAIL, &index) : bpf_map_lookup_elem(&MAIN_DETAIL, &index);
}

INLINE __u32 FN(mask_of)(bool half) {
    return half ? HALF_MASK : MAIN_MASK;
}

INLINE FLOW* FN(find_in_set)(bool half, __u32 set, __u64 tag, const KEY* key, __u32* index) {
    const __u64* word = FN(tag_word)(half, set);
    if (!word) return NULL;
    __u64 matches = tag_matches(READ_ONCE(*word), tag);
    for (int i = 0; i < WEFT_FLOW_WAYS && matches; i++) {
        *index = weft_slot_index(set, way_of(matches), FN(mask_of)(half));
        FLOW* slot = FN(slot_at)(half, *index);
        if (!slot) return NULL;
        if (likely(FN(key_equal)(&slot->key, key))) return slot;
        matches &= matches - 1;
    }
    return NULL;
}

/* The slot of `key` and its index, or NULL. What it says must be read between two looks at its sequence (load,
 * FAST_LOAD). */
INLINE FLOW* FN(find)(bool half, const KEY* key, __u64 hash, __u32* index) {
    const __u64 tag = tag_of(hash);
    const __u32 mask = FN(mask_of)(half), set = (__u32)hash & mask;
    FLOW* slot = FN(find_in_set)(half, set, tag, key, index);
    if (likely(slot != NULL)) return slot;
    return FN(find_in_set)(half, other_set(set, tag, mask), tag, key, index);
}

/* Takes the slot for writing; a reader that began before sees the sequence change. False: another CPU writes it now. */
INLINE bool FN(lock)(FLOW* slot) {
    const __u32 sequence = READ_ONCE(slot->sequence);
    return !(sequence & 1) && __sync_val_compare_and_swap(&slot->sequence, sequence, sequence + 1) == sequence;
}

/* Only the holder writes an odd sequence, and a store is seen after the stores before it (x86-64, as the readers'
 * loads): no locked instruction, which would wait for all of them. */
INLINE void FN(unlock)(FLOW* slot) {
    barrier();
    WRITE_ONCE(slot->sequence, slot->sequence + 1);
    barrier();
}

/* A whole copy of the entry of `key`. False: there is none, or it is being written. */
INLINE bool FN(load)(bool half, const KEY* key, __u64 hash, struct weft_entry* entry) {
    __u32 index = 0;
    const FLOW* slot = FN(find)(half, key, hash, &index);
    const struct weft_flow_detail* detail = slot ? FN(detail_at)(half, index) : NULL;
    if (!detail) return false;
    const __u32 sequence = READ_ONCE(slot->sequence);
    barrier();
    if ((sequence & 1) || !FN(key_equal)(&slot->key, key)) return false;
    entry->generation = slot->generation;
    entry->in_ifindex = slot->in_ifindex;
    entry->out_ifindex = slot->out_ifindex;
    mac_copy(entry->mac, slot->mac);
    entry->action = slot->action;
    entry->flags = slot->flags;
    detail_copy(&entry->detail, detail, slot->flags);
    barrier();
    return READ_ONCE(slot->sequence) == sequence && entry->generation != 0;
}

/* The rewrite of a translated entry that was found with `flags`. False: it was written meanwhile, or its packets are
 * read. */
INLINE bool FN(rewrite)(const FLOW* slot, __u32 index, const KEY* key, __u8 flags, struct fast_rewrite* rewrite) {
    const struct weft_flow_detail* detail = FN(detail_at)(false, index);
    if (!detail || (flags & WEFT_FLOW_DNS)) return false;
    const __u32 sequence = READ_ONCE(slot->sequence);
    barrier();
    const bool good = !(sequence & 1) && FN(key_equal)(&slot->key, key) && slot->flags == flags;
    rewrite->address = detail->rewrite_address;
    rewrite->port = detail->rewrite_port;
    barrier();
    return good && READ_ONCE(slot->sequence) == sequence;
}

/* Writes the decision into a locked slot; its key and counters are left as they are. */
INLINE void FN(store)(FLOW* slot, struct weft_flow_detail* detail, const struct weft_entry* entry, __u32 now) {
    slot->generation = entry->generation;
    slot->in_ifindex = entry->in_ifindex;
    slot->out_ifindex = entry->out_ifindex;
    mac_copy(slot->mac, entry->mac);
    slot->action = entry->action;
    slot->flags = entry->flags;
    slot->last_seen = now;
    detail_copy(detail, &entry->detail, entry->flags);
}

/* The entry's counts go to its rules; it then starts from zero. For a slot that only this CPU writes. */
INLINE void FN(settle)(FLOW* slot, const struct weft_flow_detail* detail) {
    const __u64 packets = slot->packets, bytes = slot->bytes;
    if (packets == 0) return;
    count_rules(detail, packets, bytes, 0);
    slot->packets = 0;
    slot->bytes = 0;
}

/* Claims a free way of the set for `tag`, or -1: none free, or another CPU was quicker three times. */
INLINE int FN(claim_free)(bool half, __u32 set, __u64 tag) {
    __u64* word = FN(tag_word)(half, set);
    if (!word) return -1;
    for (int i = 0; i < 3; i++) {
        const __u64 seen = READ_ONCE(*word);
        const __u64 free = free_ways(seen);
        if (!free) return -1;
        const __u32 way = way_of(free);
        if (__sync_val_compare_and_swap(word, seen, seen | (tag << (8 * (way & 7)))) == seen) return (int)way;
    }
    return -1;
}

/* Gives the way to `tag`; what its entry had counted goes to its rules. False: another CPU was quicker. */
INLINE bool FN(evict)(bool half, __u64* word, __u64 seen, __u32 set, __u32 way, __u64 tag) {
    const __u32 shift = 8 * (way & 7), index = weft_slot_index(set, way, FN(mask_of)(half));
    FLOW* slot = FN(slot_at)(half, index);
    const struct weft_flow_detail* detail = FN(detail_at)(half, index);
    if (!slot || !detail ||
        __sync_val_compare_and_swap(word, seen, (seen & ~(0xffULL << shift)) | (tag << shift)) != seen)
        return false;
    FN(settle)(slot, detail);
    return true;
}

/* Half-open: the older of two ways taken at random, so that a flood only pushes out what is as unanswered as itself and
 * costs two looks. */
INLINE int FN(claim_half_open)(__u32 set, __u64 tag, __u32 now) {
    __u64* word = FN(tag_word)(true, set);
    if (!word) return -1;
    const __u64 seen = READ_ONCE(*word);
    const __u32 random = bpf_get_prandom_u32(), one = random & 7, two = (random >> 3) & 7, mask = FN(mask_of)(true);
    const FLOW* first = FN(slot_at)(true, weft_slot_index(set, one, mask));
    const FLOW* second = FN(slot_at)(true, weft_slot_index(set, two, mask));
    if (!first || !second) return -1;
    const __u32 older = now - first->last_seen >= now - second->last_seen ? one : two;
    return FN(evict)(true, word, seen, set, older, tag) ? (int)older : -1;
}

/* Established: only a way whose time is over. */
INLINE int FN(claim_over)(__u32 set, __u64 tag, __u32 now) {
    const struct weft_control* control = control_of();
    __u64* word = FN(tag_word)(false, set);
    if (!word || !control) return -1;
    const __u64 seen = READ_ONCE(*word);
    for (__u32 way = 0; way < WEFT_FLOW_WAYS; way++) {
        const FLOW* slot = FN(slot_at)(false, weft_slot_index(set, way, FN(mask_of)(false)));
        if (!slot) return -1;
        if (now - slot->last_seen <= idle_limit(control, slot->key.protocol, slot->flags)) continue;
        return FN(evict)(false, word, seen, set, way, tag) ? (int)way : -1;
    }
    return -1;
}

INLINE int FN(claim_used)(bool half, __u32 set, __u64 tag, __u32 now) {
    return half ? FN(claim_half_open)(set, tag, now) : FN(claim_over)(set, tag, now);
}

/* Whether a new entry goes to its second set: when the first is filling up and the other is emptier. So most keys are
 * found in their first set, and a set is full far later than with one choice (two choices: Azar and others 1999). */
INLINE bool FN(prefers_other)(bool half, __u32 set, __u32 other) {
    const __u64 *first = FN(tag_word)(half, set), *second = FN(tag_word)(half, other);
    if (!first || !second) return false;
    const __u32 free = count_ways(free_ways(READ_ONCE(*first)));
    return free <= WEFT_FLOW_WAYS / 4 && count_ways(free_ways(READ_ONCE(*second))) > free;
}

/* The index of a way claimed for a key that is in neither set, or -1: no place. */
INLINE long FN(claim)(bool half, __u64 hash, __u32 now) {
    const __u32 mask = FN(mask_of)(half);
    const __u64 tag = tag_of(hash);
    __u32 set = (__u32)hash & mask, other = other_set(set, tag, mask);
    if (FN(prefers_other)(half, set, other)) {
        const __u32 first = set;
        set = other;
        other = first;
    }
    int way = FN(claim_free)(half, set, tag);
    if (way < 0) way = FN(claim_used)(half, set, tag, now);
    if (way < 0) {
        way = FN(claim_used)(half, other, tag, now);
        set = other;
    }
    return way < 0 ? -1 : (long)weft_slot_index(set, (__u32)way & 7, mask);
}

/* Gives a claimed way back, unless another CPU took it meanwhile. */
INLINE void FN(release)(bool half, long index, __u64 hash) {
    if (index < 0) return;
    const __u32 mask = FN(mask_of)(half), shift = 8 * ((__u32)index / (mask + 1) & 7);
    __u64* word = FN(tag_word)(half, (__u32)index & mask);
    if (!word) return;
    const __u64 seen = READ_ONCE(*word);
    if (((seen >> shift) & 0xff) == tag_of(hash)) __sync_val_compare_and_swap(word, seen, seen & ~(0xffULL << shift));
}

/* Asks for the lines of memory that opening this new key is going to write: their way here takes longer than the
 * decision in between, and four of them together no longer than one. By stores to bytes that are always 0: a load would
 * hold up every instruction behind it, a store waits by itself. */
INLINE void FN(touch_half)(__u64 hash) {
    const __u32 mask = FN(mask_of)(true), set = (__u32)hash & mask;
    const __u64* word = FN(tag_word)(true, set);
    if (!word) return;
    const __u64 free = free_ways(READ_ONCE(*word));
    const __u32 index = weft_slot_index(set, free ? way_of(free) : 0, mask);
    FLOW* slot = FN(slot_at)(true, index);
    struct weft_flow_detail* detail = FN(detail_at)(true, index);
    if (slot) WRITE_ONCE(*(__u32*)&slot->reserved, 0);
    if (slot && sizeof(FLOW) > 64) (void)READ_ONCE(slot->sequence); /* the other of its lines */
    if (detail) WRITE_ONCE(detail->reserved, 0);
}

INLINE void FN(touch_ahead)(const KEY* opening, const KEY* answering, __u64 seed) {
    FN(touch_half)(FN(hash)(answering, seed));
    FN(touch_half)(FN(hash)(opening, seed));
}

/* Writes a whole entry to where it was found or claimed. False: another CPU writes there now. */
INLINE bool FN(write)(bool half, __u32 index, const KEY* key, const struct weft_entry* entry, __u32 now) {
    FLOW* slot = FN(slot_at)(half, index);
    struct weft_flow_detail* detail = FN(detail_at)(half, index);
    if (!slot || !detail || !FN(lock)(slot)) return false;
    slot->key = *key;
    slot->packets = entry->packets;
    slot->bytes = entry->bytes;
    FN(store)(slot, detail, entry, now);
    FN(unlock)(slot);
    return true;
}

/* The index of the entry of `key`, or of a way claimed for it, or -1. */
INLINE long FN(place)(bool half, const KEY* key, __u64 hash, __u32 now) {
    __u32 index = 0;
    return FN(find)(half, key, hash, &index) ? (long)index : FN(claim)(half, hash, now);
}

/* Enters `key`, or replaces what is there for it. False: no place (counted by the caller), and none is taken. */
INLINE bool FN(put)(bool half, const KEY* key, const struct weft_entry* entry, __u64 hash) {
    const __u32 now = ticks_now();
    __u32 found = 0;
    const bool there = FN(find)(half, key, hash, &found) != NULL;
    const long index = there ? (long)found : FN(claim)(half, hash, now);
    if (index >= 0 && FN(write)(half, (__u32)index, key, entry, now)) return true;
    if (!there) FN(release)(half, index, hash);
    return false;
}

/* Enters both directions of a connection whose opening tuple is in no table. False: no place for one of them; then
 * neither is there. */
INLINE bool FN(open)(const KEY* opening, const struct weft_entry* forward, const KEY* answering,
                     const struct weft_entry* reply, __u64 seed) {
    const __u32 now = ticks_now();
    const __u64 hash = FN(hash)(opening, seed), answering_hash = FN(hash)(answering, seed);
    const long back = FN(place)(true, answering, answering_hash, now), there = FN(claim)(true, hash, now);
    if (back >= 0 && there >= 0 && FN(write)(true, (__u32)back, answering, reply, now) &&
        FN(write)(true, (__u32)there, opening, forward, now))
        return true;
    FN(release)(true, back, answering_hash);
    FN(release)(true, there, hash);
    return false;
}

/* Takes `key` out of a table and gives its counts to the caller. Both copies, should two CPUs have entered it at once.
 */
INLINE int FN(take)(bool half, const KEY* key, struct weft_entry* counts, __u64 hash) {
    const __u64 tag = tag_of(hash);
    const __u32 mask = FN(mask_of)(half);
    __u32 set = (__u32)hash & mask;
    counts->packets = 0;
    counts->bytes = 0;
    for (int choice = 0; choice < 2; choice++) {
        __u64* word = FN(tag_word)(half, set);
        if (!word) return 0;
        for (__u32 way = 0; way < WEFT_FLOW_WAYS; way++) {
            if (((READ_ONCE(*word) >> (8 * way)) & 0xff) != tag) continue;
            FLOW* slot = FN(slot_at)(half, weft_slot_index(set, way, mask));
            if (!slot) return 0;
            if (!FN(key_equal)(&slot->key, key) || !FN(lock)(slot)) continue;
            counts->packets += slot->packets;
            counts->bytes += slot->bytes;
            slot->generation = 0;
            FN(unlock)(slot);
            __sync_fetch_and_and(word, ~(0xffULL << (8 * way)));
        }
        set = other_set(set, tag, mask);
    }
    return 1;
}

/* Counts a packet of a known connection. Atomic: two CPUs may carry packets of one connection. */
INLINE void FN(count)(FLOW* slot, __u64 packets, __u64 bytes, __u32 now) {
    __sync_fetch_and_add(&slot->packets, packets);
    __sync_fetch_and_add(&slot->bytes, bytes);
    if (READ_ONCE(slot->last_seen) != now) WRITE_ONCE(slot->last_seen, now);
}

/* Counts the packet and sets flags in the slot of `key`; gives the flags that it then has, or 0 if it is gone. */
INLINE __u32 FN(touch)(bool half, const KEY* key, __u64 hash, const struct weft_touch* touch) {
    __u32 index = 0;
    FLOW* slot = FN(find)(half, key, hash, &index);
    if (!slot) return 0;
    if (touch->packets) FN(count)(slot, touch->packets, touch->bytes, ticks_now());
    if ((slot->flags & touch->flags) != touch->flags && FN(lock)(slot)) {
        slot->flags |= touch->flags;
        FN(unlock)(slot);
    }
    return slot->flags;
}

/* A connection was decided afresh: the new decision takes the old one's place; how far it is closed and when it began
 * stay. True if another rule decides now, or policies in audit mode say something else; `counts` then has what the old
 * one had counted. */
INLINE bool FN(refresh)(bool half, const KEY* key, const struct weft_entry* entry, __u64 hash,
                        struct weft_entry* counts) {
    __u32 index = 0;
    FLOW* slot = FN(find)(half, key, hash, &index);
    struct weft_flow_detail* detail = slot ? FN(detail_at)(half, index) : NULL;
    if (!detail || !FN(lock)(slot)) return false;
    const bool changed = detail_differs(detail, &entry->detail);
    counts->packets = slot->packets;
    counts->bytes = slot->bytes;
    if (changed) FN(settle)(slot, detail);
    const __u8 closing = slot->flags & (WEFT_FLOW_FIN | WEFT_FLOW_CLOSED);
    const __u64 created = detail->created_ns;
    FN(store)(slot, detail, entry, ticks_now());
    slot->flags |= closing;
    detail->created_ns = created;
    FN(unlock)(slot);
    return changed;
}
