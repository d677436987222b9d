/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A packet of an established connection: parse by direct access, one lookup, rewrite, redirect. What is anything else
 * (options, fragments, extension headers, TCP flags that change the state) goes to the slow path. */
#pragma once

#include "datapath/bpf/lib/fast_translate.h"
#include "datapath/bpf/lib/other_protocol.h"
#include "datapath/bpf/lib/slow_path.h"

#define TAKE_SLOW_PATH (-100)

/* Whether this transport header keeps its connection's state. `end`: behind the linear data. */
INLINE bool is_plain(__u8 protocol, const struct tcp_udp* l4, const void* end) {
    if (protocol == IPPROTO_UDP) return true;
    return protocol == IPPROTO_TCP && (const void*)(l4 + 1) <= end && !(l4->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST));
}

/* What the fast path needs of an entry; read between two looks at the sequence. */
struct fast_entry {
    __u32 out_ifindex;
    __u8 mac[6];
    __u8 action;
    __u8 flags;
};

#define FAST_LOAD(slot, key_words, fast, control, ifindex)                                                        \
    ({                                                                                                            \
        const __u32 sequence_ = READ_ONCE((slot)->sequence);                                                      \
        barrier();                                                                                                \
        bool good_ = !(sequence_ & 1) && (key_words) && (slot)->generation == READ_ONCE((control)->generation) && \
                     (slot)->in_ifindex == (ifindex);                                                             \
        (fast)->out_ifindex = (slot)->out_ifindex;                                                                \
        mac_copy((fast)->mac, (slot)->mac);                                                                       \
        (fast)->action = (slot)->action;                                                                          \
        (fast)->flags = (slot)->flags;                                                                            \
        barrier();                                                                                                \
        good_&& READ_ONCE((slot)->sequence) == sequence_;                                                         \
    })

INLINE int fast_act(const struct fast_entry* fast) {
    if (likely(fast->action == WEFT_ACTION_PEER)) return (int)bpf_redirect_peer(fast->out_ifindex, 0);
    if (fast->action == WEFT_ACTION_NEIGHBOUR) return (int)bpf_redirect_neigh(fast->out_ifindex, NULL, 0, 0);
    return TC_ACT_OK;
}

INLINE bool is_hop(const struct fast_entry* fast, __u8 hook) {
    return hook != WEFT_HOOK_TO_POD && (fast->action == WEFT_ACTION_PEER || fast->action == WEFT_ACTION_NEIGHBOUR);
}

/* Or is read as DNS, which is the slow path's: one test for all that is seldom. */
INLINE bool is_translated(const struct fast_entry* fast) {
    return unlikely(fast->flags & (WEFT_FLOW_SNAT | WEFT_FLOW_DNAT | WEFT_FLOW_DNS));
}

/* Half changed, so no longer the slow path's: the kernel had no memory for a copy of its own. */
INLINE int write_failed(__u8 hook, __u64 packets, __u64 bytes) {
    count_packet(WEFT_DROP_WRITE_FAILED, hook, packets, bytes);
    return TC_ACT_SHOT;
}

INLINE int fast_path4(struct __sk_buff* ctx, const struct weft_control* control, __u8 hook) {
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    struct ethernet* eth = data;
    struct iphdr* ip = data + ETH_LENGTH;
    struct tcp_udp* l4 = (void*)(ip + 1);
    if ((void*)l4 + 8 > end || *(__u8*)ip != 0x45 || (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK)) ||
        !is_plain(ip->protocol, l4, end))
        return TAKE_SLOW_PATH;
    const struct weft_key4 key = {.source = ip->saddr,
                                  .destination = ip->daddr,
                                  .source_port = l4->source,
                                  .destination_port = l4->destination,
                                  .protocol = ip->protocol};
    __u32 index;
    struct weft_flow4* slot = flow4_find(false, &key, flow4_hash(&key, control->hash_seed), &index);
    struct fast_entry fast;
    if (!slot || !FAST_LOAD(slot, flow4_key_equal(&slot->key, &key), &fast, control, ctx->ifindex))
        return TAKE_SLOW_PATH;
    struct fast_rewrite rewrite;
    const bool translated = is_translated(&fast);
    if (translated && !flow4_rewrite(slot, index, &key, fast.flags, &rewrite)) return TAKE_SLOW_PATH;
    if (is_hop(&fast, hook)) {
        if (ip->ttl <= 1) return TAKE_SLOW_PATH;
        hop4(ip);
        if (fast.action == WEFT_ACTION_PEER) write_macs(eth, fast.mac);
    }
    const __u64 packets = packets_of(ctx), bytes = ctx->len - ETH_LENGTH;
    if (translated && fast_translate4(ctx, ip, l4, &rewrite, fast.flags & WEFT_FLOW_SNAT) < 0)
        return write_failed(hook, packets, bytes);
    flow4_count(slot, packets, bytes, ticks_now());
    count_packet(WEFT_FORWARDED, hook, packets, bytes);
    return fast_act(&fast);
}

INLINE int fast_path6(struct __sk_buff* ctx, const struct weft_control* control, __u8 hook) {
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    struct ethernet* eth = data;
    struct ipv6hdr* ip = data + ETH_LENGTH;
    struct tcp_udp* l4 = (void*)(ip + 1);
    if ((void*)l4 + 8 > end || ip->version != 6 || !is_plain(ip->nexthdr, l4, end)) return TAKE_SLOW_PATH;
    struct weft_key6 key = {.source_port = l4->source, .destination_port = l4->destination, .protocol = ip->nexthdr};
    __builtin_memcpy(&key.source, &ip->saddr, 16);
    __builtin_memcpy(&key.destination, &ip->daddr, 16);
    __u32 index;
    struct weft_flow6* slot = flow6_find(false, &key, flow6_hash(&key, control->hash_seed), &index);
    struct fast_entry fast;
    if (!slot || !FAST_LOAD(slot, flow6_key_equal(&slot->key, &key), &fast, control, ctx->ifindex))
        return TAKE_SLOW_PATH;
    struct fast_rewrite rewrite;
    const bool translated = is_translated(&fast);
    if (translated && !flow6_rewrite(slot, index, &key, fast.flags, &rewrite)) return TAKE_SLOW_PATH;
    if (is_hop(&fast, hook)) {
        if (ip->hop_limit <= 1) return TAKE_SLOW_PATH;
        ip->hop_limit--;
        if (fast.action == WEFT_ACTION_PEER) write_macs(eth, fast.mac);
    }
    const __u64 packets = packets_of(ctx), bytes = ctx->len - ETH_LENGTH;
    if (translated && fast_translate6(ctx, ip, l4, &rewrite, fast.flags & WEFT_FLOW_SNAT) < 0)
        return write_failed(hook, packets, bytes);
    flow6_count(slot, packets, bytes, ticks_now());
    count_packet(WEFT_FORWARDED, hook, packets, bytes);
    return fast_act(&fast);
}

INLINE int handle(struct __sk_buff* ctx, __u8 hook) {
    const struct weft_control* control = control_of();
    if (unlikely(!control)) return TC_ACT_SHOT;
    int verdict = TAKE_SLOW_PATH;
    if (likely(ctx->protocol == bpf_htons(ETH_P_IP)))
        verdict = fast_path4(ctx, control, hook);
    else if (ctx->protocol == bpf_htons(ETH_P_IPV6))
        verdict = fast_path6(ctx, control, hook);
    else
        return other_protocol(ctx, hook);
    return verdict != TAKE_SLOW_PATH ? verdict : slow_path(ctx, hook);
}
