/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Address translation of TCP and UDP by direct access. The transport checksum needs the kernel's helper, which knows
 * whether the checksum is still to be finished by the device; packet pointers are invalid after it. */
#pragma once

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "datapath/bpf/lib/checksum.h"
#include "datapath/bpf/lib/entry.h"
#include "datapath/bpf/lib/hop.h"

struct tcp_udp {
    __be16 source;
    __be16 destination;
    __u8 rest[9];
    __u8 tcp_flags; /* TCP from here on */
    __u16 window;
    __u16 checksum;
};

/* The flags of a change to the transport checksum: UDP's may be none. */
INLINE __u64 checksum_flags(__u8 protocol) {
    return protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
}

/* Writes the port; gives the one that was there. */
INLINE __be16 exchange_port(struct tcp_udp* l4, bool source, __be16 port) {
    __be16* at = source ? &l4->source : &l4->destination;
    const __be16 from = *at;
    *at = port;
    return from;
}

/* 0, or below: nothing more can be said about the packet. `l4` stands behind a header without options. */
INLINE long fast_translate4(struct __sk_buff* ctx, struct iphdr* ip, struct tcp_udp* l4,
                            const struct fast_rewrite* rewrite, bool source) {
    const __u8 protocol = ip->protocol;
    const __u32 at = ETH_LENGTH + sizeof *ip + (protocol == IPPROTO_UDP ? 6 : 16);
    __be32* address = source ? &ip->saddr : &ip->daddr;
    const __be32 from = *address, to = ip_v4(&rewrite->address);
    ip->check = checksum_changed(ip->check, difference32(from, to));
    *address = to;
    const __be16 port_to = rewrite->port, port_from = exchange_port(l4, source, port_to);
    const __u64 flags = checksum_flags(protocol);
    const long wrong = bpf_l4_csum_replace(ctx, at, from, to, flags | BPF_F_PSEUDO_HDR | 4);
    if (wrong || port_from == port_to) return wrong;
    return bpf_l4_csum_replace(ctx, at, port_from, port_to, flags | 2);
}

INLINE long fast_translate6(struct __sk_buff* ctx, struct ipv6hdr* ip, struct tcp_udp* l4,
                            const struct fast_rewrite* rewrite, bool source) {
    const __u8 protocol = ip->nexthdr;
    const __u32 at = ETH_LENGTH + sizeof *ip + (protocol == IPPROTO_UDP ? 6 : 16);
    struct weft_ip* address = (struct weft_ip*)(source ? &ip->saddr : &ip->daddr);
    const __u32 difference = difference128(address, &rewrite->address);
    *address = rewrite->address;
    const __be16 port_to = rewrite->port, port_from = exchange_port(l4, source, port_to);
    const __u64 flags = checksum_flags(protocol);
    const long wrong = checksum_address6(ctx, at, difference, flags);
    if (wrong || port_from == port_to) return wrong;
    return bpf_l4_csum_replace(ctx, at, port_from, port_to, flags | 2);
}
