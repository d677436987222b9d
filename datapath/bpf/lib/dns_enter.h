/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Enters what an answer says into the tables of names and addresses. */
#pragma once

#include "datapath/bpf/lib/dns_verdict.h"

INLINE bool same_name(const struct weft_dns_name* name, const struct weft_dns_text* text) {
    if (name->length != text->length) return false;
    const __u64 *a = (const __u64*)name->bytes, *b = (const __u64*)text->bytes;
    for (__u32 i = 0; i < WEFT_DNS_NAME_BYTES / 8; i++) {
        if (i * 8 >= text->length) return true;
        if (a[i] != b[i]) return false;
    }
    return true;
}

INLINE void copy_name(__u8* to, const struct weft_dns_text* text) {
    __u64* a = (__u64*)to;
    const __u64* b = (const __u64*)text->bytes;
    for (__u32 i = 0; i < WEFT_DNS_NAME_BYTES / 8; i++) {
        if (i * 8 >= text->length) return;
        a[i] = b[i];
    }
}

/* A way in the table of names for the question's, which is not there. */
INLINE bool claim_name(struct weft_dns_work* w, struct weft_dns_set* set, __u32 set_index, __u32 check, __u32 serial) {
    const __u32 way = dns_place(set, w->owner, w->now);
    const __u32 index = set_index * WEFT_DNS_WAYS + way;
    struct weft_dns_name* name = way < NO_WAY ? bpf_map_lookup_elem(&dns_names, &index) : NULL;
    if (!name) return false;
    struct weft_dns_head* head = dns_head(set, way);
    if (!dns_lock(head)) return false;
    head->owner = w->owner;
    head->check = check;
    head->expires = w->now + w->lowest;
    copy_name(name->bytes, &w->question);
    name->length = w->question.length;
    name->class_id = w->class_id;
    name->serial = serial;
    dns_unlock(head);
    w->name = index;
    w->name_sequence = head->sequence;
    return true;
}

/* w->class_id of the question's name, and with addresses its place in the table (w->name). 0: no policy speaks of it,
 * or there is no place. */
CHECKED_ONCE int enter_name(struct weft_dns_work* w) {
    if (!w) return 0;
    const struct weft_dns_automaton* automaton = dns_automaton();
    w->class_id = 0;
    if (!automaton || automaton->serial == 0) return 0;
    const __u32 serial = automaton->serial;
    const __u64 hash = mix64(w->question.hash + w->owner);
    const __u32 set_index = (__u32)hash % WEFT_DNS_NAME_SETS, check = (__u32)(hash >> 32);
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_name_sets, &set_index);
    if (!set) return 0;
    const __u32 way = dns_way(set, w->owner, check);
    const __u32 index = set_index * WEFT_DNS_WAYS + way;
    const struct weft_dns_name* name = way < NO_WAY ? bpf_map_lookup_elem(&dns_names, &index) : NULL;
    if (name) {
        struct weft_dns_head* head = dns_head(set, way);
        const __u32 sequence = READ_ONCE(head->sequence);
        barrier();
        if (!(sequence & 1) && same_name(name, &w->question)) {
            w->class_id = class_of_name(index, sequence);
            w->name = index;
            w->name_sequence = sequence;
            const __u32 expires = w->now + w->lowest;
            if (w->count && head->expires < expires) WRITE_ONCE(head->expires, expires);
            return w->class_id != 0;
        }
    }
    w->class_id = dns_class(automaton, (const struct weft_dns_name*)&w->question);
    if (w->class_id == 0 || w->count == 0) return 0;
    if (claim_name(w, set, set_index, check, serial)) return 1;
    count_dns(WEFT_DNS_NO_PLACE);
    return 0;
}

/* Notes in a locked way that the name gives the address until then: where the name stands already, else in a free or
 * finished place, else in that of the name that ends next. */
INLINE void note_name(struct weft_dns_address* entry, const struct weft_dns_work* w, __u32 expires) {
    __u32 place = 0, earliest = 0xffffffff;
    for (__u32 i = 0; i < WEFT_DNS_NAMES_OF_ADDRESS; i++) {
        const bool same = entry->names[i].name == w->name && entry->names[i].sequence == w->name_sequence;
        if (same && entry->names[i].expires) {
            if (entry->names[i].expires < expires) entry->names[i].expires = expires;
            return;
        }
        if (entry->names[i].expires >= earliest) continue;
        place = i;
        earliest = entry->names[i].expires;
    }
    if (earliest > w->now) count_dns(WEFT_DNS_NO_PLACE);
    for (__u32 i = 0; i < WEFT_DNS_NAMES_OF_ADDRESS; i++) {
        if (i != place) continue;
        entry->names[i].name = w->name;
        entry->names[i].sequence = w->name_sequence;
        entry->names[i].expires = expires;
    }
}

#define DNS_TRIES 4 /* while another CPU writes the same set */

/* One address of the answer. */
CHECKED_ONCE int enter_address(struct weft_dns_work* w, __u32 number) {
    if (!w || number >= WEFT_DNS_RECORDS) return 0;
    const struct weft_ip address = w->found[number];
    const __u32 expires = w->now + w->ttls[number];
    const __u64 hash = dns_hash(w->owner, &address, 0, w->seed);
    const __u32 set_index = (__u32)hash % WEFT_DNS_ADDRESS_SETS, check = (__u32)(hash >> 32);
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_address_sets, &set_index);
    if (!set) return 0;
    for (int i = 0; i < DNS_TRIES; i++) {
        __u32 way = dns_way(set, w->owner, check);
        const bool known = way < NO_WAY;
        if (!known) way = dns_place(set, w->owner, w->now);
        const __u32 index = set_index * WEFT_DNS_WAYS + way;
        struct weft_dns_address* entry = way < NO_WAY ? bpf_map_lookup_elem(&dns_addresses, &index) : NULL;
        if (!entry) break;
        struct weft_dns_head* head = dns_head(set, way);
        if (!dns_lock(head)) continue;
        /* Meanwhile another CPU may have given it away. */
        if (!known || head->owner != w->owner || head->check != check || !ip_equal(&entry->address, &address)) {
            head->owner = w->owner;
            head->check = check;
            head->expires = 0;
            entry->address = address;
            __builtin_memset(entry->names, 0, sizeof entry->names);
        }
        note_name(entry, w, expires);
        if (head->expires < expires) head->expires = expires;
        dns_unlock(head);
        count_dns(WEFT_DNS_ADDRESSES);
        return 1;
    }
    count_dns(WEFT_DNS_NO_PLACE);
    return 0;
}
