/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP and ICMPv6 errors belong to the connection of the packet inside them: they go where its answers go, and are
 * translated with it. */
#pragma once

#include "datapath/bpf/lib/forward.h"
#include "datapath/bpf/lib/masquerade.h"

INLINE int parse_inner(struct __sk_buff* ctx, const struct weft_packet* packet, struct inner_packet* inner) {
    __u8 ports[8] = {};
    inner->l3 = packet->l4 + 8U;
    if (packet->tuple.protocol == IPPROTO_ICMP) {
        struct iphdr ip;
        if (bpf_skb_load_bytes(ctx, inner->l3, &ip, sizeof ip) < 0 || ip.version != 4 || ip.ihl < 5)
            return WEFT_DROP_INVALID_PACKET;
        ip_set_v4(&inner->tuple.source, ip.saddr);
        ip_set_v4(&inner->tuple.destination, ip.daddr);
        inner->tuple.protocol = ip.protocol;
        inner->l4 = inner->l3 + ip.ihl * 4U;
        if (ip.frag_off & bpf_htons(IP_OFFSET_MASK)) return WEFT_DROP_UNRELATED_ICMP_ERROR;
    } else {
        struct ipv6hdr ip;
        if (bpf_skb_load_bytes(ctx, inner->l3, &ip, sizeof ip) < 0 || ip.version != 6) return WEFT_DROP_INVALID_PACKET;
        __builtin_memcpy(&inner->tuple.source, &ip.saddr, 16);
        __builtin_memcpy(&inner->tuple.destination, &ip.daddr, 16);
        inner->tuple.protocol = ip.nexthdr;
        inner->l4 = inner->l3 + sizeof ip;
    }
    const __u8 protocol = inner->tuple.protocol;
    const bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    if (!icmp && protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP) return 0;
    if (bpf_skb_load_bytes(ctx, inner->l4, ports, 8) < 0) return WEFT_DROP_INVALID_PACKET;
    if (icmp) {
        parse_icmp_tuple(&inner->tuple, ports);
        return 0;
    }
    inner->tuple.source_port = *(__be16*)&ports[0];
    inner->tuple.destination_port = *(__be16*)&ports[2];
    return 0;
}

/* Translates both the packet inside and the outer address. `entry` is the one of the direction in which the error
 * travels. */
INLINE int translate_error(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_entry* entry) {
    const struct weft_packet* packet = &s->packet;
    const struct inner_packet* inner = &s->inner;
    struct translation* t = &s->translation;
    const bool v4 = tuple_is_v4(&packet->tuple), source = entry->flags & WEFT_FLOW_SNAT;
    /* Inside, the connection's packet goes the other way: a rewritten destination is its source. IPv4: changing an
     * address together with the header's own checksum leaves the sum over the message as it was, so only the port
     * counts for the ICMP checksum. */
    *t = (struct translation){
        .from = source ? inner->tuple.destination : inner->tuple.source,
        .to = entry->detail.rewrite_address,
        .port_from = source ? inner->tuple.destination_port : inner->tuple.source_port,
        .port_to = entry->detail.rewrite_port,
        .address_at = inner->l3 + (source ? DESTINATION_AT(v4) : SOURCE_AT(v4)) - ETH_LENGTH,
        .port_at = port_offset(inner->tuple.protocol, inner->l4, !source),
        .checksum_at = (int)packet->l4 + 2,
        .ip_checksum_at = v4 ? inner->l3 + 10 : 0,
        .pseudo_header = !v4,
        .protocol = IPPROTO_ICMP,
    };
    const int reason = translate(ctx, t);
    if (reason) return reason;
    t->from = source ? packet->tuple.source : packet->tuple.destination;
    /* An error from a router on the way has the router's own source, which stays. */
    if (!ip_equal(&t->from, source ? &inner->tuple.destination : &inner->tuple.source)) return 0;
    t->port_at = 0;
    t->address_at = source ? SOURCE_AT(v4) : DESTINATION_AT(v4);
    t->ip_checksum_at = v4 ? IP_CHECKSUM_AT : 0;
    return translate(ctx, t);
}

CHECKED_ONCE int icmp_error(struct __sk_buff* ctx, struct weft_scratch* s, const struct weft_control* control) {
    if (!s || !control) return TC_ACT_SHOT;
    if (s->packet.hook == WEFT_HOOK_TO_NETDEV) return TC_ACT_OK; /* the node's own, about whatever it was sent */
    __builtin_memset(&s->inner, 0, sizeof s->inner);
    const int malformed = parse_inner(ctx, &s->packet, &s->inner);
    if (malformed) return drop(s, control, malformed);
    struct weft_key6* answer = &s->answering;
    tuple_reverse(&s->inner.tuple, answer);
    const int found = flow_lookup(answer, &s->found, control->hash_seed);
    if (!found || (s->packet.hook == WEFT_HOOK_FROM_POD && s->found.in_ifindex != s->packet.ifindex)) {
        /* About the host's own traffic, or transit: not a pod's. */
        if (s->packet.hook == WEFT_HOOK_FROM_NETDEV) return TC_ACT_OK;
        return drop(s, control, WEFT_DROP_UNRELATED_ICMP_ERROR);
    }
    if (s->found.flags & (WEFT_FLOW_SNAT | WEFT_FLOW_DNAT)) {
        const int reason = translate_error(ctx, s, &s->found);
        if (reason) return drop(s, control, reason);
    }
    const struct weft_touch touch = {.packets = s->packet.segments, .bytes = s->packet.length};
    flow_touch(found == FOUND_HALF, answer, &touch, control->hash_seed);
    return forward(ctx, s, control, &s->found);
}
