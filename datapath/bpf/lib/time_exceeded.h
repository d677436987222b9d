/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A packet whose time to live ends here, where the node is a hop: dropped and counted, and its sender is told as by a
 * router (RFC 792; RFC 1812, 4.3.2; RFC 4443, 3.3). The packet itself becomes the answer and goes back by the device
 * that it came in on: into the pod, past its last hook, or out of the uplink. */
#pragma once

#include "datapath/bpf/lib/drop.h"
#include "datapath/bpf/lib/parse.h"

/* Linux's own defaults (icmp_msgs_per_sec, icmp_msgs_burst), but for each CPU. Not for each destination as
 * icmp_ratelimit: traceroute sends its probes in a burst. */
#define ANSWERS_PER_SECOND 1000
#define ANSWERS_AT_ONCE 50

#define ANSWER_TTL 64
/* Precedence "internetwork control" (RFC 1812, 4.3.2.5). */
#define ANSWER_TOS 0xc0

/* Bytes that are put in at the end and taken out behind the Ethernet header. Taking out what lies before the place
 * where an unfinished checksum begins (CHECKSUM_PARTIAL) is what makes the kernel forget it; else a device would finish
 * it, into the answer. More than any headers before it. */
#define SHIFTED_BYTES 128

/* Keeps two comparisons of a length apart: of both in one, kernel 6.1 learns no bound. */
#define BOUNDED(length) asm volatile("" : "+r"(length))

/* An address that an error may be sent to or about (RFC 1122, 3.2.2; RFC 4443, 2.4 e): of one host, and not of its link
 * only. */
INLINE bool is_usual4(__be32 address) {
    const __u32 host = bpf_ntohl(address), net = host >> 24;
    return net != 0 && net != 127 && net < 224 && (host >> 16) != 0xa9fe;
}

INLINE bool is_usual6(const struct weft_ip* address) {
    const __be32* word = (const __be32*)address;
    const __u32 head = bpf_ntohl(word[0]) >> 16;
    if ((word[0] | word[1] | word[2]) == 0) return false;
    return head < 0xff00 && (head & 0xffc0) != 0xfe80;
}

INLINE bool is_usual(const struct weft_ip* address) {
    return ip_is_v4(address) ? is_usual4(ip_v4(address)) : is_usual6(address);
}

/* PACKET_BROADCAST, PACKET_MULTICAST of linux/if_packet.h: what was sent to many on the link gets no answer. */
INLINE bool was_sent_to_many(const struct __sk_buff* ctx) {
    return ctx->pkt_type == 1 || ctx->pkt_type == 2;
}

INLINE bool may_answer(const struct __sk_buff* ctx, const struct weft_packet* packet) {
    if (packet->hook == WEFT_HOOK_TO_POD || (packet->flags & (PACKET_ICMP_ERROR | PACKET_LATER_FRAGMENT))) return false;
    return !was_sent_to_many(ctx) && is_usual(&packet->tuple.source) && is_usual(&packet->tuple.destination);
}

INLINE bool take_turn(struct weft_scratch* s) {
    const __u32 now = ticks_now();
    const __u64 earned = (__u64)(now - s->answers_ticks) * ANSWERS_PER_SECOND / constants.ticks_per_second;
    if (earned) {
        s->answers_ticks = now;
        s->answers = s->answers + earned < ANSWERS_AT_ONCE ? s->answers + (__u32)earned : ANSWERS_AT_ONCE;
    }
    if (s->answers == 0) return false;
    s->answers--;
    return true;
}

/* Who answers: to a pod its gateway; to others the address that the node's packets from pods carry. False: none of this
 * family is known. */
INLINE bool choose_address(struct weft_scratch* s, const struct weft_control* control) {
    struct weft_ip* from = &s->answer.from;
    const bool outside = s->packet.hook == WEFT_HOOK_FROM_NETDEV;
    if (ip_is_v4(&s->packet.tuple.source)) {
        const __be32 address = outside && control->masquerade4 ? control->masquerade4 : control->gateway4;
        ip_set_v4(from, address);
        return address != 0;
    }
    *from = outside && !ip_is_zero(&control->masquerade6) ? control->masquerade6 : control->gateway6;
    return !ip_is_zero(from);
}

/* How much of the packet is quoted: all that it is by its own header (a GSO packet over 64 KiB says 0), up to a bound.
 */
INLINE __u32 quote_length(struct __sk_buff* ctx, const struct weft_packet* packet, bool v4) {
    __be16 field = 0;
    __u32 length = packet->length;
    if (bpf_skb_load_bytes(ctx, ETH_LENGTH + (v4 ? 2 : 4), &field, sizeof field) < 0) return 0;
    const __u32 says = bpf_ntohs(field) + (v4 ? 0 : (__u32)sizeof(struct ipv6hdr));
    if (field && says < length) length = says;
    return length;
}

INLINE __be16 folded(__s64 sum) {
    __u32 folded = (__u32)sum;
    folded = (folded & 0xffff) + (folded >> 16);
    folded = (folded & 0xffff) + (folded >> 16);
    return (__be16)~folded;
}

INLINE void write_ip4(struct weft_scratch* s, __u32 length) {
    struct icmp_answer* answer = &s->answer;
    answer->ip4 = (struct iphdr){
        .version = 4,
        .ihl = 5,
        .tos = ANSWER_TOS,
        .tot_len = bpf_htons((__u16)length),
        .frag_off = bpf_htons(IP_DONT_FRAGMENT),
        .ttl = ANSWER_TTL,
        .protocol = IPPROTO_ICMP,
        .saddr = ip_v4(&answer->from),
        .daddr = ip_v4(&s->packet.tuple.source),
    };
    answer->ip4.check = folded(bpf_csum_diff(NULL, 0, (__be32*)&answer->ip4, sizeof answer->ip4, 0));
}

INLINE void write_ip6(struct weft_scratch* s, __u32 length) {
    struct icmp_answer* answer = &s->answer;
    answer->ip6 = (struct ipv6hdr){
        .version = 6,
        .priority = ANSWER_TOS >> 4,
        .payload_len = bpf_htons((__u16)length),
        .nexthdr = IPPROTO_ICMPV6,
        .hop_limit = ANSWER_TTL,
    };
    __builtin_memcpy(&answer->ip6.saddr, &answer->from, 16);
    __builtin_memcpy(&answer->ip6.daddr, &s->packet.tuple.source, 16);
}

/* The checksum of the message; what lies behind the quote is zero and does not change it. IPv6: with the pseudo-header
 * of RFC 8200, 8.1, whose sum is that of the addresses, the length and the protocol in any order. */
INLINE void write_checksum(struct icmp_answer* answer, bool v4, __u32 length) {
    __s64 sum = v4 ? 0 : bpf_htons((__u16)length) + (__s64)bpf_htons(IPPROTO_ICMPV6);
    if (!v4) sum = bpf_csum_diff(NULL, 0, (__be32*)&answer->ip6.saddr, 32, (__u32)sum);
    answer->message.checksum =
        folded(bpf_csum_diff(NULL, 0, (__be32*)&answer->message, sizeof answer->message, (__u32)sum));
}

/* s->answer for the packet. The length of ICMP header and quote; 0: the packet has no whole header to quote. */
CHECKED_ONCE int write_answer(struct __sk_buff* ctx, struct weft_scratch* s) {
    if (!s) return 0;
    struct icmp_answer* answer = &s->answer;
    const bool v4 = ip_is_v4(&s->packet.tuple.source);
    __u32 quote = quote_length(ctx, &s->packet, v4);
    __builtin_memset(&answer->message, 0, sizeof answer->message);
    if (quote > QUOTE_BYTES) quote = QUOTE_BYTES;
    BOUNDED(quote);
    if (quote < sizeof(struct iphdr)) return 0;
    if (bpf_skb_load_bytes(ctx, ETH_LENGTH, answer->message.quote, quote) < 0) return 0;
    const __u32 length = ICMP_HEADER + quote;
    answer->message.type = v4 ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEEDED;
    if (v4)
        write_ip4(s, length + sizeof(struct iphdr));
    else
        write_ip6(s, length);
    write_checksum(answer, v4, length);
    return (int)length;
}

/* The packet gets the answer's size. The order matters: its end cannot be moved any more once its transport header lies
 * before its beginning. */
INLINE bool resize(struct __sk_buff* ctx, __u32 length) {
    return bpf_skb_change_tail(ctx, ETH_LENGTH + SHIFTED_BYTES + length, 0) == 0 &&
           bpf_skb_adjust_room(ctx, -SHIFTED_BYTES, BPF_ADJ_ROOM_MAC, 0) == 0;
}

INLINE bool swap_macs(struct __sk_buff* ctx) {
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    struct ethernet* eth = data;
    __u8 sender[6];
    if ((void*)(eth + 1) > end) return false;
    mac_copy(sender, eth->source);
    mac_copy(eth->source, eth->destination);
    mac_copy(eth->destination, sender);
    return true;
}

CHECKED_ONCE int send_answer(struct __sk_buff* ctx, const struct weft_scratch* s, __u32 message) {
    if (!s || message > sizeof s->answer.message) return TC_ACT_SHOT;
    BOUNDED(message);
    if (message < ICMP_HEADER) return TC_ACT_SHOT;
    const bool v4 = ip_is_v4(&s->packet.tuple.source);
    const __u32 header = v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
    if (!resize(ctx, header + message) || !swap_macs(ctx)) return TC_ACT_SHOT;
    const long written =
        v4 ? bpf_skb_store_bytes(ctx, ETH_LENGTH, &s->answer.ip4, sizeof s->answer.ip4, BPF_F_RECOMPUTE_CSUM)
           : bpf_skb_store_bytes(ctx, ETH_LENGTH, &s->answer.ip6, sizeof s->answer.ip6, BPF_F_RECOMPUTE_CSUM);
    if (written < 0 ||
        bpf_skb_store_bytes(ctx, ETH_LENGTH + header, &s->answer.message, message, BPF_F_RECOMPUTE_CSUM) < 0)
        return TC_ACT_SHOT;
    if (s->packet.hook == WEFT_HOOK_FROM_POD) return (int)bpf_redirect_peer(s->packet.ifindex, 0);
    return (int)bpf_redirect(s->packet.ifindex, 0);
}

/* s->forward.detail names the ends. TC verdict. */
CHECKED_ONCE int time_exceeded(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control) {
    if (!s || !control) return TC_ACT_SHOT;
    s->direction = s->packet.hook == WEFT_HOOK_FROM_POD ? WEFT_EGRESS : WEFT_INGRESS;
    drop(s, control, WEFT_DROP_TTL_EXCEEDED);
    if (!may_answer(ctx, &s->packet) || !choose_address(s, control) || !take_turn(s)) return TC_ACT_SHOT;
    const int length = write_answer(ctx, s);
    return length > 0 ? send_answer(ctx, s, (__u32)length) : TC_ACT_SHOT;
}
