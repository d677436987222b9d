/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Any packet to struct weft_packet. Reads with bpf_skb_load_bytes: headers may lie outside the linear part here. */
#pragma once

#include <linux/ipv6.h>

#include "datapath/bpf/lib/count.h"
#include "datapath/bpf/lib/hop.h"
#include "datapath/bpf/lib/maps.h"
#include "datapath/bpf/lib/scratch.h"

/* RFC 792 and RFC 4443; the kernel's own headers for them draw in the C library's sockets. */
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMPV6_TIME_EXCEEDED 3
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

/* Byte 13 of TCP's header. */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define IP_DONT_FRAGMENT 0x4000
#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK 0x1fff
/* Extension headers that are walked: hop-by-hop, destination options twice, routing, fragment, authentication (RFC
 * 8200, 4.1). */
#define MAX_EXTENSION_HEADERS 6

INLINE bool is_icmp_error4(__u8 type) {
    return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
           type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* RFC 4443, 2.1: messages below 128 are errors. */
INLINE bool is_icmp_error6(__u8 type) {
    return type < 128;
}

/* RFC 4861 and 2710/3810: listener and neighbour discovery. */
INLINE bool is_discovery6(__u8 type) {
    return (type >= 130 && type <= 137) || type == 143;
}

/* The type that opens the connection of a message of `type`: a reply's is its request's (RFC 792, 950, 4443, 8335). */
INLINE __u8 opening_type(__u8 protocol, __u8 type) {
    if (protocol == IPPROTO_ICMPV6) return type == ICMPV6_ECHO_REPLY || type == 161 ? type - 1 : type;
    if (type == ICMP_ECHOREPLY) return ICMP_ECHO;
    return type == 14 || type == 16 || type == 18 || type == 43 ? type - 1 : type;
}

/* What tells connections of ICMP apart: the type that opened them, and an echo's id. `head`: the first 8 bytes. */
INLINE void parse_icmp_tuple(struct weft_key6* tuple, const __u8* head) {
    tuple->icmp_type = opening_type(tuple->protocol, head[0]);
    if (tuple->icmp_type != (tuple->protocol == IPPROTO_ICMPV6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO)) return;
    tuple->source_port = *(const __be16*)&head[4];
    tuple->destination_port = *(const __be16*)&head[4];
}

/* The part of a transport header that is looked at: to TCP's flags. */
#define TRANSPORT_BYTES 14

/* Ports, TCP flags, ICMP type and id at `offset`. `early`: the bytes there, if the caller has TRANSPORT_BYTES of them.
 */
INLINE int parse_transport(struct __sk_buff* ctx, struct weft_packet* packet, __u32 offset, const __u8* early) {
    __u8 head[TRANSPORT_BYTES] = {};
    const __u8 protocol = packet->tuple.protocol;
    packet->l4 = (__u16)offset;
    const bool known = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
                       protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    if (!known) return 0;
    if (early)
        __builtin_memcpy(head, early, TRANSPORT_BYTES);
    else if (bpf_skb_load_bytes(ctx, offset, head, protocol == IPPROTO_TCP ? TRANSPORT_BYTES : 8) < 0)
        return WEFT_DROP_INVALID_PACKET;
    if (protocol == IPPROTO_TCP) packet->tcp_flags = head[13];
    if (protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6) {
        packet->tuple.source_port = *(__be16*)&head[0];
        packet->tuple.destination_port = *(__be16*)&head[2];
        return 0;
    }
    const bool v6 = protocol == IPPROTO_ICMPV6;
    packet->icmp_type = head[0];
    packet->icmp_code = head[1];
    if (v6 ? is_icmp_error6(head[0]) : is_icmp_error4(head[0])) {
        packet->flags |= PACKET_ICMP_ERROR;
    } else {
        parse_icmp_tuple(&packet->tuple, head);
        if (v6 && is_discovery6(head[0])) packet->flags |= PACKET_LINK_LOCAL;
    }
    return 0;
}

/* The direction that is asked first where the packet comes by. */
INLINE __u32 first_direction(__u32 hook) {
    return hook == WEFT_HOOK_FROM_POD || hook == WEFT_HOOK_TO_NETDEV ? WEFT_EGRESS : WEFT_INGRESS;
}

INLINE bool is_uplink(__u32 hook) {
    return hook == WEFT_HOOK_FROM_NETDEV || hook == WEFT_HOOK_TO_NETDEV;
}

/* Remembers a first fragment's ports, or finds them for a later one. */
INLINE int parse_fragment(struct weft_packet* packet, __u32 id) {
    struct weft_fragment_key key = {.source = packet->tuple.source,
                                    .destination = packet->tuple.destination,
                                    .id = id,
                                    .protocol = packet->tuple.protocol};
    if (packet->flags & PACKET_FIRST_FRAGMENT) {
        const struct weft_fragment_ports ports = {.source = packet->tuple.source_port,
                                                  .destination = packet->tuple.destination_port,
                                                  .icmp_type = packet->icmp_type,
                                                  .icmp_code = packet->icmp_code};
        bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
        return 0;
    }
    const struct weft_fragment_ports* ports = bpf_map_lookup_elem(&fragments, &key);
    if (!ports) return WEFT_DROP_FRAGMENT_UNKNOWN;
    packet->tuple.source_port = ports->source;
    packet->tuple.destination_port = ports->destination;
    if (packet->tuple.protocol != IPPROTO_ICMP && packet->tuple.protocol != IPPROTO_ICMPV6) return 0;
    packet->icmp_type = ports->icmp_type;
    packet->icmp_code = ports->icmp_code;
    packet->tuple.icmp_type = opening_type(packet->tuple.protocol, ports->icmp_type);
    return 0;
}

/* Both headers at once, by direct access where they lie in the linear part: what nearly every packet has. */
struct plain4 {
    struct iphdr ip;
    __u8 transport[TRANSPORT_BYTES];
};
struct plain6 {
    struct ipv6hdr ip;
    __u8 transport[TRANSPORT_BYTES];
};

INLINE int parse_ipv4(struct __sk_buff* ctx, struct weft_packet* packet) {
    struct plain4 head;
    const void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    const struct plain4* near = data + ETH_LENGTH;
    bool whole = (const void*)(near + 1) <= end;
    if (whole)
        head = *near;
    else
        whole = bpf_skb_load_bytes(ctx, ETH_LENGTH, &head, sizeof head) == 0;
    if (!whole && bpf_skb_load_bytes(ctx, ETH_LENGTH, &head.ip, sizeof head.ip) < 0) return WEFT_DROP_INVALID_PACKET;
    const struct iphdr ip = head.ip;
    const __u32 header = ip.ihl * 4U, total = bpf_ntohs(ip.tot_len);
    /* A GSO packet over 64 KiB carries 0 as its length (the kernel's BIG TCP). */
    if (ip.version != 4 || header < sizeof ip || (total && (total < header || total > packet->length)))
        return WEFT_DROP_INVALID_PACKET;
    ip_set_v4(&packet->tuple.source, ip.saddr);
    ip_set_v4(&packet->tuple.destination, ip.daddr);
    packet->tuple.protocol = ip.protocol;
    packet->ttl = ip.ttl;
    const __u16 fragment = bpf_ntohs(ip.frag_off);
    if (fragment & IP_OFFSET_MASK) {
        packet->flags |= PACKET_LATER_FRAGMENT;
        return parse_fragment(packet, ip.id);
    }
    const int reason =
        parse_transport(ctx, packet, ETH_LENGTH + header, whole && header == sizeof ip ? head.transport : NULL);
    if (reason || !(fragment & IP_MORE_FRAGMENTS)) return reason;
    packet->flags |= PACKET_FIRST_FRAGMENT;
    return parse_fragment(packet, ip.id);
}

INLINE int parse_ipv6(struct __sk_buff* ctx, struct weft_packet* packet) {
    struct plain6 head;
    const void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    const struct plain6* near = data + ETH_LENGTH;
    bool whole = (const void*)(near + 1) <= end;
    if (whole)
        head = *near;
    else
        whole = bpf_skb_load_bytes(ctx, ETH_LENGTH, &head, sizeof head) == 0;
    if (!whole && bpf_skb_load_bytes(ctx, ETH_LENGTH, &head.ip, sizeof head.ip) < 0) return WEFT_DROP_INVALID_PACKET;
    const struct ipv6hdr ip = head.ip;
    if (ip.version != 6) return WEFT_DROP_INVALID_PACKET;
    if (bpf_ntohs(ip.payload_len) + sizeof ip > packet->length) return WEFT_DROP_INVALID_PACKET;
    __builtin_memcpy(&packet->tuple.source, &ip.saddr, 16);
    __builtin_memcpy(&packet->tuple.destination, &ip.daddr, 16);
    /* A mapped address on the wire would be taken for IPv4 by every table (RFC 4038, 4.2 asks to drop it). */
    if (ip_is_v4(&packet->tuple.source) || ip_is_v4(&packet->tuple.destination)) return WEFT_DROP_INVALID_PACKET;
    packet->ttl = ip.hop_limit;
    __u8 next = ip.nexthdr;
    __u32 offset = ETH_LENGTH + sizeof ip, fragment_id = 0;
    for (int i = 0; i <= MAX_EXTENSION_HEADERS; i++) {
        __u8 head[8];
        const bool options = next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING;
        if (!options && next != IPPROTO_FRAGMENT && next != IPPROTO_AH) break;
        if (i == MAX_EXTENSION_HEADERS || bpf_skb_load_bytes(ctx, offset, head, 8) < 0)
            return WEFT_DROP_INVALID_EXTENSION_HEADER;
        if (next == IPPROTO_FRAGMENT) {
            const __u16 place = bpf_ntohs(*(__be16*)&head[2]);
            fragment_id = *(__u32*)&head[4];
            if (place >> 3)
                packet->flags |= PACKET_LATER_FRAGMENT;
            else if (place & 1)
                packet->flags |= PACKET_FIRST_FRAGMENT;
            offset += 8;
        } else {
            offset += next == IPPROTO_AH ? (head[1] + 2U) * 4 : (head[1] + 1U) * 8;
        }
        next = head[0];
        if (packet->flags & PACKET_LATER_FRAGMENT) break;
    }
    packet->tuple.protocol = next;
    if (packet->flags & PACKET_LATER_FRAGMENT) return parse_fragment(packet, fragment_id);
    const int reason =
        parse_transport(ctx, packet, offset, whole && offset == ETH_LENGTH + sizeof ip ? head.transport : NULL);
    if (reason || !(packet->flags & PACKET_FIRST_FRAGMENT)) return reason;
    return parse_fragment(packet, fragment_id);
}

/* 0, or the reason to drop. What is neither IP version is the caller's. */
INLINE int parse_packet(struct __sk_buff* ctx, struct weft_packet* packet, __u8 hook) {
    if (!packet) return WEFT_DROP_INVALID_PACKET;
    __builtin_memset(packet, 0, sizeof *packet);
    packet->hook = hook;
    packet->ifindex = ctx->ifindex;
    packet->length = ctx->len - ETH_LENGTH;
    packet->segments = packets_of(ctx);
    return ctx->protocol == bpf_htons(ETH_P_IP) ? parse_ipv4(ctx, packet) : parse_ipv6(ctx, packet);
}
