/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Changes to the packet: hop (TTL, MAC addresses) and address translation. Packet pointers are invalid after
 * translate(). */
#pragma once

#include "datapath/bpf/lib/checksum.h"
#include "datapath/bpf/lib/flow_table.h"
#include "datapath/bpf/lib/hop.h"
#include "datapath/bpf/lib/parse.h"

/* The hop of a packet on the slow path: TTL, and the addresses where no neighbour lookup will write them. 0 or the
 * reason. */
INLINE int rewrite_hop(struct __sk_buff* ctx, const struct weft_entry* entry) {
    const bool v4 = ctx->protocol == bpf_htons(ETH_P_IP);
    const __u32 need = ETH_LENGTH + (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    if (data + need > end) {
        if (bpf_skb_pull_data(ctx, need) < 0) return WEFT_DROP_WRITE_FAILED;
        data = (void*)(long)ctx->data;
        end = (void*)(long)ctx->data_end;
    }
    struct ethernet* eth = data;
    if (v4) {
        struct iphdr* ip = data + ETH_LENGTH;
        if ((void*)(ip + 1) > end) return WEFT_DROP_WRITE_FAILED;
        if (ip->ttl <= 1) return WEFT_DROP_TTL_EXCEEDED;
        hop4(ip);
    } else {
        struct ipv6hdr* ip = data + ETH_LENGTH;
        if ((void*)(ip + 1) > end) return WEFT_DROP_WRITE_FAILED;
        if (ip->hop_limit <= 1) return WEFT_DROP_TTL_EXCEEDED;
        ip->hop_limit--;
    }
    if (entry->action == WEFT_ACTION_PEER) write_macs(eth, entry->mac);
    return 0;
}

/* Offset of the checksum within the transport header, or -1: none that an address changes (SCTP's is of its own bytes
 * only). */
INLINE int checksum_offset(__u8 protocol) {
    if (protocol == IPPROTO_TCP) return 16;
    if (protocol == IPPROTO_UDP) return 6;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) return 2;
    return -1;
}

CHECKED_ONCE int translate(struct __sk_buff* ctx, const struct translation* t) {
    if (!t) return WEFT_DROP_WRITE_FAILED;
    const __u64 udp = t->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
    const bool v4 = t->ip_checksum_at != 0;
    const __u32 from4 = ip_v4(&t->from), to4 = ip_v4(&t->to);
    if (t->checksum_at >= 0) {
        const __u32 at = (__u32)t->checksum_at;
        if (t->port_at && t->port_from != t->port_to &&
            bpf_l4_csum_replace(ctx, at, t->port_from, t->port_to, udp | 2) < 0)
            return WEFT_DROP_WRITE_FAILED;
        if (t->pseudo_header && v4 && bpf_l4_csum_replace(ctx, at, from4, to4, udp | BPF_F_PSEUDO_HDR | 4) < 0)
            return WEFT_DROP_WRITE_FAILED;
        if (t->pseudo_header && !v4 && checksum_address6(ctx, at, difference128(&t->from, &t->to), udp) < 0)
            return WEFT_DROP_WRITE_FAILED;
    }
    if (t->port_at && t->port_from != t->port_to && bpf_skb_store_bytes(ctx, t->port_at, &t->port_to, 2, 0) < 0)
        return WEFT_DROP_WRITE_FAILED;
    if (!v4) return bpf_skb_store_bytes(ctx, t->address_at, &t->to, 16, 0) < 0 ? WEFT_DROP_WRITE_FAILED : 0;
    if (bpf_l3_csum_replace(ctx, t->ip_checksum_at, from4, to4, 4) < 0) return WEFT_DROP_WRITE_FAILED;
    return bpf_skb_store_bytes(ctx, t->address_at, &to4, 4, 0) < 0 ? WEFT_DROP_WRITE_FAILED : 0;
}

#define SOURCE_AT(v4) (ETH_LENGTH + ((v4) ? 12 : 8))
#define DESTINATION_AT(v4) (ETH_LENGTH + ((v4) ? 16 : 24))
#define IP_CHECKSUM_AT (ETH_LENGTH + 10)

/* Where the port (or the echo's id) stands in a transport header at `l4`; 0: the protocol has none that may be
 * rewritten. */
INLINE __u32 port_offset(__u8 protocol, __u32 l4, bool source) {
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) return l4 + (source ? 0 : 2);
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) return l4 + 4;
    return 0;
}

/* Applies an entry's SNAT or DNAT to the packet. */
INLINE int rewrite_address(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_entry* entry) {
    const struct weft_packet* packet = &s->packet;
    const bool v4 = tuple_is_v4(&packet->tuple), source = entry->flags & WEFT_FLOW_SNAT;
    const __u8 protocol = packet->tuple.protocol;
    const __u32 l4 = packet->l4;
    const int checksum = l4 ? checksum_offset(protocol) : -1;
    s->translation = (struct translation){
        .from = source ? packet->tuple.source : packet->tuple.destination,
        .to = entry->detail.rewrite_address,
        .port_from = source ? packet->tuple.source_port : packet->tuple.destination_port,
        .port_to = entry->detail.rewrite_port,
        .address_at = source ? SOURCE_AT(v4) : DESTINATION_AT(v4),
        .port_at = l4 ? port_offset(protocol, l4, source) : 0,
        .checksum_at = checksum < 0 ? -1 : (int)l4 + checksum,
        .ip_checksum_at = v4 ? IP_CHECKSUM_AT : 0,
        .pseudo_header = protocol != IPPROTO_ICMP,
        .protocol = protocol,
    };
    return translate(ctx, &s->translation);
}
