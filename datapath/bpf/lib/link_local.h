/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a pod sends to its own link, which has nobody else on it. */
#pragma once

#include "datapath/bpf/lib/drop.h"
#include "datapath/bpf/lib/parse.h"

INLINE bool is_multicast(const struct weft_ip* address) {
    return ip_is_v4(address) ? (address->b[12] & 0xf0) == 0xe0 : address->b[0] == 0xff;
}

/* Never forwarded by a router: 224.0.0.0/24 (RFC 5771, 4), the limited broadcast, interface- and link-local multicast
 * (RFC 4291, 2.7). */
INLINE bool is_for_the_link(const struct weft_ip* address) {
    if (!ip_is_v4(address)) return address->b[0] == 0xff && (address->b[1] & 0xf) <= 2;
    const __u32 host = bpf_ntohl(ip_v4(address));
    return host >> 8 == 0xe00000 || host == 0xffffffff;
}

INLINE bool stays_on_link(const struct weft_packet* packet) {
    return (packet->flags & PACKET_LINK_LOCAL) || packet->tuple.protocol == IPPROTO_IGMP ||
           is_for_the_link(&packet->tuple.destination);
}

/* What every network stack sends by itself as soon as it has a device: reports of its multicast groups, a look for
 * routers and for others with its address. */
INLINE bool is_housekeeping(const struct weft_packet* packet) {
    return ((packet->flags & PACKET_LINK_LOCAL) || packet->tuple.protocol == IPPROTO_IGMP) &&
           is_multicast(&packet->tuple.destination);
}

/* Housekeeping is counted as every drop, but no event tells of it: nobody caused it, and a new pod's flows would begin
 * with it. */
INLINE int drop_on_link(struct weft_scratch* s, const struct weft_control* control) {
    if (!is_housekeeping(&s->packet)) return drop(s, control, WEFT_DROP_LINK_LOCAL);
    count_drop(&s->packet, WEFT_DROP_LINK_LOCAL, 0);
    return TC_ACT_SHOT;
}
