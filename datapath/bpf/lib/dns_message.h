/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Questions and answers: what they say, and which belong together. */
#pragma once

#include "datapath/bpf/lib/dns_enter.h"

#define DNS_ANSWER_BIT 0x80    /* of byte 2 */
#define DNS_OPCODE 0x78        /* of byte 2 */
#define DNS_TRUNCATED_BIT 0x02 /* of byte 2 */
#define DNS_RCODE 0x0f         /* of byte 3 */
#define DNS_TYPE_A 1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA 28
#define DNS_CLASS_IN 1
#define DNS_SHORTEST (DNS_HEADER + 5) /* with a question of the root */
#define DNS_RECORD_HEAD 10            /* type, class, TTL, length of the data */

INLINE __u32 ttl_bounded(__u32 ttl) {
    if (ttl < WEFT_DNS_MIN_TTL) return WEFT_DNS_MIN_TTL;
    return ttl > WEFT_DNS_MAX_TTL ? WEFT_DNS_MAX_TTL : ttl;
}

/* The record's data at `at` is an address of the wanted name. */
INLINE bool take_address(struct weft_dns_work* w, __u32 at, bool v4, __u32 ttl) {
    const __u32 number = w->count;
    if (number >= WEFT_DNS_RECORDS) return false;
    __u64 place = number;
    BELOW(place, WEFT_DNS_RECORDS);
    const __u8* data = message_at(w, at);
    struct weft_ip* found = &w->found[place];
    if (v4)
        ip_set_v4(found, *(const __u32*)data);
    else
        *found = *(const struct weft_ip*)data;
    w->ttls[place] = ttl_bounded(ttl);
    if (ttl < w->lowest) w->lowest = ttl;
    w->count = number + 1;
    return true;
}

/* The record at w->at. 0: it is malformed. */
CHECKED_ONCE int read_record(struct weft_dns_work* w) {
    if (!w) return 0;
    __u32 at = w->at;
    bool wanted = dns_start(w, at) == w->wanted_at && w->wanted_at < at;
    if (wanted) {
        at += 2;
    } else {
        if (!dns_spell(w, &w->other, at)) return 0;
        wanted = w->other.hash == w->wanted;
        at = w->other.next;
    }
    if (at + DNS_RECORD_HEAD > w->length) return 0;
    const __u32 type = message16(w, at), in = message16(w, at + 2) == DNS_CLASS_IN;
    const __u32 size = message16(w, at + 8), data = at + DNS_RECORD_HEAD;
    __u32 ttl = message32(w, at + 4);
    if (data + size > w->length) return 0;
    w->at = data + size;
    if (!wanted || !in) return 1;
    if (ttl >> 31) ttl = 0; /* RFC 2181, 8 */
    if (w->ttl < ttl) ttl = w->ttl;
    if (type == DNS_TYPE_A) return size == 4 && take_address(w, data, true, ttl);
    if (type == DNS_TYPE_AAAA) return size == 16 && take_address(w, data, false, ttl);
    if (type != DNS_TYPE_CNAME) return 1;
    if (!dns_spell(w, &w->other, data) || w->other.next != data + size) return 0;
    w->wanted = w->other.hash;
    w->wanted_at = dns_start(w, data);
    w->ttl = ttl;
    return 1;
}

/* The addresses of the question's name: w->found. 0: the answer is malformed. */
INLINE int read_records(struct weft_dns_work* w, __u32 records) {
    w->wanted = w->question.hash;
    w->wanted_at = DNS_HEADER;
    w->ttl = w->lowest = 0x7fffffff;
    w->at = w->question.next + 4;
    for (__u32 i = 0; i < WEFT_DNS_RECORDS; i++) {
        if (i >= records) return 1;
        if (!read_record(w)) return 0;
    }
    return records <= WEFT_DNS_RECORDS;
}

/* Reads header and question. 0: malformed. */
INLINE int read_question(struct weft_dns_work* w) {
    if (message16(w, 4) != 1 || (*message_at(w, 2) & DNS_OPCODE)) return 0;
    return dns_spell(w, &w->question, DNS_HEADER) && w->question.next + 4 <= w->length &&
           message16(w, w->question.next + 2) == DNS_CLASS_IN;
}

/* The pod's question, for its answer. */
INLINE void remember_question(struct weft_dns_work* w, const struct weft_packet* packet) {
    const struct weft_ip resolver = packet->tuple.destination;
    const __be16 id = *(const __be16*)message_at(w, 0), port = packet->tuple.source_port;
    const __u8 protocol = packet->tuple.protocol;
    const __u64 hash = dns_hash(w->owner, &resolver, (__u32)port << 16 | id, w->seed + protocol);
    const __u32 set_index = (__u32)hash % WEFT_DNS_QUERY_SETS, check = (__u32)(hash >> 32);
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_query_sets, &set_index);
    if (!set) return;
    __u32 way = dns_way(set, w->owner, check);
    if (way == NO_WAY) way = dns_place(set, w->owner, w->now);
    const __u32 index = set_index * WEFT_DNS_WAYS + way;
    struct weft_dns_query* query = way < NO_WAY ? bpf_map_lookup_elem(&dns_queries, &index) : NULL;
    struct weft_dns_head* head = dns_head(set, way);
    if (!query || !dns_lock(head)) {
        count_dns(WEFT_DNS_NO_PLACE);
        return;
    }
    head->owner = w->owner;
    head->check = check;
    head->expires = w->now + WEFT_DNS_QUERY_SECONDS;
    query->resolver = resolver;
    query->port = port;
    query->id = id;
    query->protocol = protocol;
    query->type = *(const __be16*)message_at(w, w->question.next);
    query->question = w->question.hash;
    query->time_ns = bpf_ktime_get_ns();
    dns_unlock(head);
    count_dns(WEFT_DNS_QUERIES);
}

/* Whether the pod asked this resolver this; the question is answered then, and w->latency_ns known. */
INLINE bool was_asked(struct weft_dns_work* w, const struct weft_packet* packet, __be16 port) {
    const struct weft_ip resolver = packet->tuple.source;
    const __be16 id = *(const __be16*)message_at(w, 0);
    const __u8 protocol = packet->tuple.protocol;
    const __u64 hash = dns_hash(w->owner, &resolver, (__u32)port << 16 | id, w->seed + protocol);
    const __u32 set_index = (__u32)hash % WEFT_DNS_QUERY_SETS;
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_query_sets, &set_index);
    if (!set) return false;
    const __u32 way = dns_way(set, w->owner, (__u32)(hash >> 32));
    const __u32 index = set_index * WEFT_DNS_WAYS + way;
    const struct weft_dns_query* query = way < NO_WAY ? bpf_map_lookup_elem(&dns_queries, &index) : NULL;
    if (!query) return false;
    struct weft_dns_head* head = dns_head(set, way);
    if (head->expires <= w->now || !dns_lock(head)) return false;
    const bool good = head->owner == w->owner && query->id == id && query->port == port &&
                      query->protocol == protocol && query->question == w->question.hash &&
                      query->type == *(const __be16*)message_at(w, w->question.next) &&
                      ip_equal(&query->resolver, &resolver);
    w->latency_ns = bpf_ktime_get_ns() - query->time_ns;
    if (good) head->owner = head->expires = 0;
    dns_unlock(head);
    return good;
}
