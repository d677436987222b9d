/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What an address is: a single known one, else the longest prefix. */
#pragma once

#include "datapath/bpf/lib/maps.h"

CHECKED_ONCE int prefix_of(const struct weft_ip* ip, struct weft_addr* address) {
    const struct weft_addr* found;
    if (!ip || !address) return 0;
    if (ip_is_v4(ip)) {
        const struct weft_cidr4_key key = {.prefix_length = 32, .address = ip_v4(ip)};
        found = bpf_map_lookup_elem(&cidr4, &key);
    } else {
        const struct weft_cidr6_key key = {.prefix_length = 128, .address = *ip};
        found = bpf_map_lookup_elem(&cidr6, &key);
    }
    if (!found) return 0;
    *address = *found;
    return 1;
}

/* 0: no row, not even for everything (the tables are not written yet). */
INLINE int address_of(const struct weft_ip* ip, struct weft_addr* address) {
    /* Keys on the stack: kernel 6.1 refuses a key in memory that a function was given. */
    const struct weft_ip key = *ip;
    const struct weft_addr* found =
        ip_is_v4(&key) ? bpf_map_lookup_elem(&addr4, &key.b[12]) : bpf_map_lookup_elem(&addr6, &key);
    if (!found) return prefix_of(ip, address);
    *address = *found;
    return 1;
}

INLINE const struct weft_endpoint* endpoint_at(__u32 number) {
    const struct weft_endpoint* endpoint = number ? bpf_map_lookup_elem(&endpoints, &number) : NULL;
    return endpoint && endpoint->ifindex ? endpoint : NULL;
}

/* Whether policies select the node, by a row of it and the epoch. */
INLINE bool has_policies(const struct weft_endpoint* endpoint, __u32 epoch) {
    const __u32* policy = endpoint->policy[epoch];
    return policy[WEFT_EGRESS] | policy[WEFT_INGRESS] | policy[WEFT_AUDIT + WEFT_EGRESS] |
           policy[WEFT_AUDIT + WEFT_INGRESS];
}

INLINE bool node_is_policed(void) {
    const struct weft_control* control = control_of();
    const struct weft_endpoint* node = endpoint_at(WEFT_NODE_ENDPOINT);
    if (!control) return false;
    if (!node) return false; /* apart: kernel 6.1 must see each test alone */
    return has_policies(node, READ_ONCE(control->epoch) & 1);
}
