/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Names of a DNS message: spelled out, and what the automaton says of them. */
#pragma once

#include "datapath/bpf/lib/dns_table.h"

#define DNS_HEADER 12
/* Labels and pointers of a name that are followed: a name has 127 labels at most (RFC 1035, 3.1). */
#define DNS_NAME_STEPS 140
#define DNS_LABEL_COPY 64 /* a label with its length is copied whole, whatever its length */
#define DNS_POINTER 0xc0
#define TCP_HEADER 20

/* A name spelled out: in lower case, its length in front of each label. */
struct weft_dns_text {
    __u8 bytes[WEFT_DNS_NAME_BYTES + DNS_LABEL_COPY];
    __u32 length; /* with the zero at the end */
    __u32 next;   /* offset behind the name where it stood */
    __u32 at;     /* where the rest of it stands, while it is spelled out */
    __u32 limit;  /* pointers lead to before */
    __u64 hash;
};

/* What a message is worked on with; one a CPU. */
struct weft_dns_work {
    __u8 message[WEFT_DNS_MESSAGE + DNS_LABEL_COPY];
    __u32 length;
    __u32 at; /* the record that is next */
    struct weft_dns_text question;
    struct weft_dns_text other;
    __u64 wanted;    /* hash of the name whose addresses count: the question, or what it stands for (CNAME) */
    __u32 wanted_at; /* where that stands in the message */
    __u32 ttl;       /* lowest of the records that led there */
    __u32 lowest;    /* of the addresses as well */
    __u32 count;
    __u32 ttls[WEFT_DNS_RECORDS];
    struct weft_ip found[WEFT_DNS_RECORDS];
    /* what is entered */
    __u64 seed;
    __u32 owner;
    __u32 now;
    __u32 class_id;
    __u32 name; /* index in `dns_names` */
    __u32 name_sequence;
    __u32 entered;
    __u64 latency_ns;
    /* of a packet of TCP */
    struct weft_key6 tuple; /* the stream's */
    __u32 stream;           /* index in `dns_streams` */
    __u32 segment_at;       /* what it carries: offset in the frame, */
    __u32 segment_size;
    __u32 segment_number; /* TCP's number of the first byte */
    __u8 head[TCP_HEADER];
    /* events that this CPU sent since then; stay from packet to packet */
    __u32 events;
    __u32 events_ticks;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct weft_dns_work);
    __uint(max_entries, 1);
} dns_work SEC(".maps");

/* Keeps an offset within the message, also for the verifier; what lies behind the end is refused by the reader. */
INLINE __u8* message_at(struct weft_dns_work* w, __u64 offset) {
    MASKED(offset, WEFT_DNS_MESSAGE - 1);
    return &w->message[offset];
}

INLINE __u32 message16(struct weft_dns_work* w, __u32 offset) {
    const __u8* at = message_at(w, offset);
    return (__u32)at[0] << 8 | at[1];
}

INLINE __u32 message32(struct weft_dns_work* w, __u32 offset) {
    return message16(w, offset) << 16 | message16(w, offset + 2);
}

/* Capital letters of eight bytes to small ones. Lengths of labels are below them. */
INLINE __u64 lower_case(__u64 word) {
    const __u64 low = word & ~TAG_HIGHS;
    const __u64 above_z = low + (0x7f - 'Z') * TAG_ONES, from_a = low + (0x80 - 'A') * TAG_ONES;
    return word | ((from_a ^ above_z) & ~word & TAG_HIGHS) >> 2;
}

/* Lower case, zeros behind the end of the last word, and the hash. */
INLINE void finish_text(struct weft_dns_text* text, __u64 seed) {
    const __u32 length = text->length;
    __u64* word = (__u64*)text->bytes;
    __u64 hash = seed ^ length;
    for (__u32 i = 0; i < WEFT_DNS_NAME_BYTES / 8; i++) {
        if (i * 8 >= length) break;
        const __u32 rest = length - i * 8;
        __u64 bytes = word[i];
        if (rest < 8) bytes &= (1ULL << (rest * 8)) - 1;
        word[i] = bytes = lower_case(bytes);
        hash = hash_word(hash, bytes);
    }
    text->hash = mix64(hash);
}

enum { SPELL_BAD, SPELL_MORE, SPELL_DONE };

/* One label, or a pointer, which leads to before the place where the name was read from so far, so that there is an
 * end. What is known stands in memory: in registers, the verifier would follow every value of it. */
INLINE int spell_step(struct weft_dns_work* w, struct weft_dns_text* text) {
    const __u32 end = w->length, at = READ_ONCE(text->at), filled = READ_ONCE(text->length);
    if (at >= end) return SPELL_BAD;
    const __u8* head = message_at(w, at);
    const __u32 size = head[0];
    if (size >= DNS_POINTER) {
        const __u32 target = (size & 0x3f) << 8 | head[1];
        if (at + 2 > end || target >= text->limit || target < DNS_HEADER) return SPELL_BAD;
        if (!text->next) WRITE_ONCE(text->next, at + 2);
        WRITE_ONCE(text->limit, target);
        WRITE_ONCE(text->at, target);
        return SPELL_MORE;
    }
    if (size >= DNS_LABEL_COPY || at + 1 + size > end || filled + 1 + size >= WEFT_DNS_NAME_BYTES) return SPELL_BAD;
    __u64 place = filled;
    MASKED(place, WEFT_DNS_NAME_BYTES - 1);
    /* Word by word: clang would make it a copy of bytes. */
    for (__u32 i = 0; i < DNS_LABEL_COPY; i += 8)
        WRITE_ONCE(*(__u64*)&text->bytes[place + i], READ_ONCE(*(const __u64*)&head[i]));
    WRITE_ONCE(text->at, at + 1 + size);
    WRITE_ONCE(text->length, filled + 1 + size);
    return size ? SPELL_MORE : SPELL_DONE;
}

/* Spells out the name at `from`. 0: it is malformed. */
CHECKED_ONCE int dns_spell(struct weft_dns_work* w, struct weft_dns_text* text, __u32 from) {
    if (!w || !text) return 0;
    WRITE_ONCE(text->at, from);
    WRITE_ONCE(text->limit, from);
    WRITE_ONCE(text->next, 0);
    WRITE_ONCE(text->length, 0);
    int step = SPELL_MORE;
    for (int i = 0; i < DNS_NAME_STEPS && step == SPELL_MORE; i++) step = spell_step(w, text);
    if (step != SPELL_DONE) return 0;
    if (!text->next) text->next = text->at;
    finish_text(text, w->seed);
    return 1;
}

/* Where the name at `at` begins, past a pointer that is all of it. */
INLINE __u32 dns_start(struct weft_dns_work* w, __u32 at) {
    const __u8* head = message_at(w, at);
    if (at + 2 > w->length || head[0] < DNS_POINTER) return at;
    return (head[0] & 0x3fU) << 8 | head[1];
}

INLINE __u32 automaton_index(const struct weft_control* control) {
    return READ_ONCE(control->epoch) >> 1 & 1;
}

INLINE const struct weft_dns_automaton* dns_automaton(void) {
    const struct weft_control* control = control_of();
    if (!control) return NULL;
    const __u32 index = automaton_index(control);
    return bpf_map_lookup_elem(&dns_automata, &index);
}

/* The class that the automaton gives to the name (a struct weft_dns_name's or weft_dns_text's bytes); 0: no pattern
 * matches. */
INLINE __u32 dns_class(const struct weft_dns_automaton* automaton, const struct weft_dns_name* name) {
    if (!automaton || !name) return 0;
    const __u32 columns = automaton->columns, dot = automaton->dot;
    __u32 state = automaton->start, left = name->bytes[0];
    for (__u32 i = 1; i < WEFT_DNS_NAME_BYTES; i++) {
        const __u32 byte = name->bytes[i];
        __u32 column;
        if (left) {
            left--;
            column = automaton->column_of[byte];
        } else {
            if (byte == 0) break;
            left = byte;
            column = dot;
        }
        __u64 cell = (__u64)state * columns + column;
        MASKED(cell, WEFT_DNS_CELLS - 1);
        state = automaton->next[cell];
        if (state == 0) return 0;
    }
    __u64 last = state;
    MASKED(last, WEFT_DNS_STATES - 1);
    return automaton->class_of[last];
}
