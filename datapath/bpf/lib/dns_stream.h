/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* DNS over TCP: the messages of a connection's direction (a stream), each behind its length (RFC 1035, 4.2.2), put
 * together from segments as they pass. What comes before something that is missing waits for it here, while the packet
 * itself goes on to its receiver: nothing is held back. */
#pragma once

#include "datapath/bpf/lib/dns_message.h"
#include "datapath/bpf/lib/masquerade.h"
#include "datapath/bpf/lib/parse.h"

enum {
    DNS_NOTHING, /* no message, and none follows */
    DNS_SKIPPED, /* one that cannot be read */
    DNS_WHOLE,   /* w->message */
};

/* `length` bytes at `at` of the frame to w->message. */
INLINE bool load_message(struct __sk_buff* ctx, struct weft_dns_work* w, __u32 at, __u64 length) {
    BELOW(length, WEFT_DNS_MESSAGE + 1);
    if (length < DNS_SHORTEST) return false;
    if (bpf_skb_load_bytes(ctx, at, w->message, (__u32)length) < 0) return false;
    w->length = (__u32)length;
    return true;
}

INLINE bool is_stream(const struct weft_dns_stream* stream, const struct weft_dns_work* w) {
    const __u64 *a = (const __u64*)&stream->tuple, *b = (const __u64*)&w->tuple;
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

/* The stream that was taken. */
INLINE struct weft_dns_stream* taken_stream(const struct weft_dns_work* w) {
    const __u32 index = w->stream; /* before kernel 6.2 a key may not lie in a function's argument */
    return bpf_map_lookup_elem(&dns_streams, &index);
}

/* The stream w->tuple, of which no other CPU reads meanwhile, as w->stream. 0: there is none, or another CPU does. */
CHECKED_ONCE int take_stream(struct weft_dns_work* w) {
    if (!w) return 0;
    const __u64 hash = mix64(flow6_hash(&w->tuple, w->seed) + w->owner);
    const __u32 set_index = (__u32)hash % WEFT_DNS_STREAM_SETS;
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_stream_sets, &set_index);
    if (!set) return 0;
    const __u32 way = dns_way(set, w->owner, (__u32)(hash >> 32));
    const __u32 index = set_index * WEFT_DNS_WAYS + way;
    const struct weft_dns_stream* stream = way < NO_WAY ? bpf_map_lookup_elem(&dns_streams, &index) : NULL;
    if (!stream) return 0;
    struct weft_dns_head* head = dns_head(set, way);
    if (!dns_lock(head)) return 0;
    if (head->owner == w->owner && is_stream(stream, w)) {
        head->expires = w->now + WEFT_DNS_STREAM_SECONDS;
        w->stream = index;
        return 1;
    }
    dns_unlock(head);
    return 0;
}

/* w->stream, that was taken. */
INLINE void leave_stream(const struct weft_dns_work* w, bool over) {
    const __u32 set_index = w->stream / WEFT_DNS_WAYS;
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_stream_sets, &set_index);
    if (!set) return;
    struct weft_dns_head* head = dns_head(set, w->stream);
    if (over) head->owner = head->expires = 0;
    dns_unlock(head);
}

/* The stream w->tuple begins, with the byte `first`. */
CHECKED_ONCE int start_stream(struct weft_dns_work* w, __u32 first) {
    if (!w) return 0;
    const __u64 hash = mix64(flow6_hash(&w->tuple, w->seed) + w->owner);
    const __u32 set_index = (__u32)hash % WEFT_DNS_STREAM_SETS, check = (__u32)(hash >> 32);
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_stream_sets, &set_index);
    if (!set) return 0;
    __u32 way = dns_way(set, w->owner, check);
    if (way == NO_WAY) way = dns_place(set, w->owner, w->now);
    const __u32 index = set_index * WEFT_DNS_WAYS + way;
    struct weft_dns_stream* stream = way < NO_WAY ? bpf_map_lookup_elem(&dns_streams, &index) : NULL;
    struct weft_dns_head* head = dns_head(set, way);
    if (!stream || !dns_lock(head)) {
        count_dns(WEFT_DNS_NO_PLACE);
        return 0;
    }
    head->owner = w->owner;
    head->check = check;
    head->expires = w->now + WEFT_DNS_STREAM_SECONDS;
    stream->tuple = w->tuple;
    stream->next = first;
    stream->filled = stream->ahead = stream->ahead_end = 0;
    dns_unlock(head);
    return 1;
}

/* What the packet carries: w->segment_... False: it is a fragment, or contradicts itself. */
INLINE bool load_segment(struct __sk_buff* ctx, struct weft_dns_work* w, const struct weft_packet* packet) {
    const bool v4 = ip_is_v4(&packet->tuple.source);
    if (packet->flags & (PACKET_LATER_FRAGMENT | PACKET_FIRST_FRAGMENT)) return false;
    if (bpf_skb_load_bytes(ctx, v4 ? ETH_LENGTH + 2 : ETH_LENGTH + 4, w->head, 2) < 0) return false;
    __u32 length = (__u32)w->head[0] << 8 | w->head[1];
    if (!length) /* BIG TCP */
        length = packet->length;
    else if (!v4)
        length += sizeof(struct ipv6hdr);
    if (bpf_skb_load_bytes(ctx, packet->l4, w->head, TCP_HEADER) < 0) return false;
    const __u32 at = packet->l4 + (w->head[12] >> 4) * 4U, end = ETH_LENGTH + length;
    if (at > end) return false;
    w->segment_at = at;
    w->segment_size = end - at;
    w->segment_number = bpf_ntohl(*(const __be32*)&w->head[4]);
    if (packet->tcp_flags & TCP_SYN) w->segment_number++;
    return true;
}

/* A packet that opens a direction. What was left of an older connection is no part of this one. */
INLINE void open_stream(struct weft_dns_work* w, const struct weft_packet* packet, const struct weft_entry* entry) {
    const bool reply = entry->flags & WEFT_FLOW_REPLY, answers = packet->tcp_flags & TCP_ACK;
    if (reply != answers) return;
    if (!reply) {
        tuple_answer(&packet->tuple, entry, &w->tuple);
        if (take_stream(w)) leave_stream(w, true);
    }
    w->tuple = packet->tuple;
    if (!reply || !take_stream(w))
        start_stream(w, w->segment_number);
    else
        leave_stream(w, false); /* said again */
}

/* Of a packet in the direction of `entry`: takes its stream. 0: it has nothing to read. */
CHECKED_ONCE int begin_segment(struct __sk_buff* ctx, struct weft_dns_work* w, const struct weft_scratch* s,
                               const struct weft_entry* entry) {
    if (!w || !s || !entry) return 0;
    const struct weft_packet* packet = &s->packet;
    if (!load_segment(ctx, w, packet)) {
        count_dns(WEFT_DNS_UNREAD);
        return 0;
    }
    if (packet->tcp_flags & TCP_SYN) open_stream(w, packet, entry);
    if (w->segment_size == 0 && !(packet->tcp_flags & (TCP_FIN | TCP_RST))) return 0;
    w->tuple = packet->tuple;
    if (take_stream(w)) return 1;
    if (w->segment_size) count_dns(WEFT_DNS_UNREAD);
    return 0;
}

/* The packet is read. */
CHECKED_ONCE int end_segment(struct weft_dns_work* w, __u32 tcp_flags) {
    if (!w) return 0;
    const struct weft_dns_stream* stream = taken_stream(w);
    if (!stream) return 0;
    const __u32 end = w->segment_number + w->segment_size - stream->next; /* counted from `next` */
    if ((__s32)end > (__s32)stream->filled && (__s32)end > (__s32)stream->ahead_end) count_dns(WEFT_DNS_UNREAD);
    leave_stream(w, (tcp_flags & (TCP_FIN | TCP_RST)) && end == stream->filled);
    return 1;
}

/* `size` bytes at `at` of the frame to `place` in the stream. */
INLINE bool load_part(struct __sk_buff* ctx, struct weft_dns_stream* stream, __u32 at, __u32 place, __u32 size) {
#pragma clang loop unroll(disable)
    for (__u32 done = 0; done < WEFT_DNS_STREAM_BYTES; done += WEFT_DNS_STREAM_PART) {
        if (done >= size) break;
        __u64 rest = size - done, to = place + done;
        if (rest > WEFT_DNS_STREAM_PART) rest = WEFT_DNS_STREAM_PART;
        BELOW(rest, WEFT_DNS_STREAM_PART + 1);
        POSITIVE(rest);
        UNKNOWN(to);
        if (to >= WEFT_DNS_STREAM_BYTES) return false;
        if (bpf_skb_load_bytes(ctx, at + done, &stream->bytes[to], (__u32)rest) < 0) return false;
    }
    return true;
}

/* What the packet has of the next WEFT_DNS_STREAM_BYTES, as far as it is new. Beside what follows without a gap there
 * is one other piece; what would be a second is not kept. */
CHECKED_ONCE int keep_segment(struct __sk_buff* ctx, struct weft_dns_work* w, struct weft_dns_stream* stream) {
    if (!w || !stream) return 0;
    const __u32 filled = stream->filled, ahead = stream->ahead, ahead_end = stream->ahead_end;
    const __s32 offset = (__s32)(w->segment_number - stream->next), end = offset + (__s32)w->segment_size;
    if (offset > WEFT_DNS_STREAM_BYTES || end <= (__s32)filled) return 0;
    const __u32 to = end < WEFT_DNS_STREAM_BYTES ? (__u32)end : WEFT_DNS_STREAM_BYTES;
    __u32 from = offset < 0 ? 0 : (__u32)offset;
    const bool follows = from <= filled;
    if (follows) from = filled;
    if (from >= to || (!follows && ahead_end && (from > ahead_end || to < ahead))) return 0;
    if (!load_part(ctx, stream, w->segment_at + (from - (__u32)offset), from, to - from)) return 0;
    if (!follows) {
        if (!ahead_end || from < ahead) stream->ahead = from;
        if (to > ahead_end) stream->ahead_end = to;
        return 1;
    }
    stream->filled = to;
    if (ahead_end && ahead <= to) {
        if (ahead_end > to) stream->filled = ahead_end;
        stream->ahead = stream->ahead_end = 0;
    }
    return 1;
}

/* The first `size` bytes are read: what is here behind them moves to the front. */
CHECKED_ONCE int move_stream(struct weft_dns_stream* stream, __u32 size) {
    if (!stream) return 0;
    const __u32 filled = stream->filled, ahead = stream->ahead, ahead_end = stream->ahead_end;
    stream->next += size;
    stream->filled = filled > size ? filled - size : 0;
    stream->ahead = ahead > size ? ahead - size : 0;
    stream->ahead_end = ahead_end > size ? ahead_end - size : 0;
    if (stream->ahead == 0 && stream->ahead_end) {
        stream->filled = stream->ahead_end;
        stream->ahead_end = 0;
    }
    const __u32 left = stream->ahead_end ? stream->ahead_end : stream->filled;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEFT_DNS_STREAM_BYTES; i += 8) {
        if (i >= left) break;
        __u64 from = size + i;
        UNKNOWN(from);
        if (from >= WEFT_DNS_STREAM_BYTES) break;
        *(__u64*)&stream->bytes[i] = *(const __u64*)&stream->bytes[from];
    }
    return 1;
}

/* The message that `head` is the length of lies at `at` of the frame, or of the stream, with `rest` bytes there from
 * `head` on. */
INLINE int take_message(struct __sk_buff* ctx, struct weft_dns_work* w, struct weft_dns_stream* stream,
                        const __u8* head, __u32 at, __u32 rest) {
    const __u32 length = (__u32)head[0] << 8 | head[1];
    const bool readable = length >= DNS_SHORTEST && length <= WEFT_DNS_MESSAGE;
    if (readable && rest < 2 + length) return DNS_NOTHING;
    bool loaded = readable;
    if (readable && at) {
        loaded = load_message(ctx, w, at + 2, length);
    } else if (readable) {
        const __u64* from = (const __u64*)&stream->bytes[2];
        __u64* to = (__u64*)w->message;
#pragma clang loop unroll(disable)
        for (__u32 i = 0; i < WEFT_DNS_MESSAGE / 8; i++) {
            if (i * 8 >= length) break;
            to[i] = from[i];
        }
        w->length = length;
    }
    move_stream(stream, 2 + length);
    if (!loaded) count_dns(WEFT_DNS_MALFORMED);
    return loaded ? DNS_WHOLE : DNS_SKIPPED;
}

/* The next message of the stream, with what the packet adds to it, to w->message. */
CHECKED_ONCE int next_message(struct __sk_buff* ctx, struct weft_dns_work* w) {
    if (!w) return DNS_NOTHING;
    struct weft_dns_stream* stream = taken_stream(w);
    if (!stream) return DNS_NOTHING;
    const __u32 before = stream->next - w->segment_number, size = w->segment_size;
    if (stream->filled == 0 && before < size && size - before >= 2) {
        const __u32 at = w->segment_at + before;
        if (bpf_skb_load_bytes(ctx, at, w->head, 2) < 0) return DNS_NOTHING;
        const int found = take_message(ctx, w, stream, w->head, at, size - before);
        if (found != DNS_NOTHING) return found;
    }
    keep_segment(ctx, w, stream);
    if (stream->filled < 2) return DNS_NOTHING;
    return take_message(ctx, w, stream, stream->bytes, 0, stream->filled);
}
