/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One direction's decision without its family: what the slow path makes and the flow tables keep. */
#pragma once

#include "datapath/bpf/lib/common.h"

/* The last 8 bytes of a detail: its flags and what stands beside them. */
#define DETAIL_MARKS(detail) (*(__u64*)&(detail)->flags)
_Static_assert(__builtin_offsetof(struct weft_flow_detail, flags) == 56, "the marks are one word");

/* A detail without its rewrite, which counts only with WEFT_FLOW_SNAT or WEFT_FLOW_DNAT. */
INLINE void detail_copy(struct weft_flow_detail* to, const struct weft_flow_detail* from, __u8 flags) {
    to->created_ns = from->created_ns;
    to->rule[0] = from->rule[0];
    to->rule[1] = from->rule[1];
    to->source_identity = from->source_identity;
    to->destination_identity = from->destination_identity;
    to->source_endpoint = from->source_endpoint;
    to->destination_endpoint = from->destination_endpoint;
    DETAIL_MARKS(to) = DETAIL_MARKS(from);
    if (unlikely(from->flags & WEFT_DETAIL_AUDITED)) {
        to->audit_rule[0] = from->audit_rule[0];
        to->audit_rule[1] = from->audit_rule[1];
    }
    if (!(flags & (WEFT_FLOW_SNAT | WEFT_FLOW_DNAT))) return;
    to->rewrite_port = from->rewrite_port;
    to->rewrite_address = from->rewrite_address;
}

/* Other rules decide, or policies in audit mode say something else. */
INLINE bool detail_differs(const struct weft_flow_detail* a, const struct weft_flow_detail* b) {
    if (a->rule[0] != b->rule[0] || a->rule[1] != b->rule[1]) return true;
    if ((DETAIL_MARKS(a) ^ DETAIL_MARKS(b)) & ~(__u64)WEFT_DETAIL_UNLOGGED) return true;
    return (a->flags & WEFT_DETAIL_AUDITED) &&
           (a->audit_rule[0] != b->audit_rule[0] || a->audit_rule[1] != b->audit_rule[1]);
}

struct weft_entry {
    __u32 generation;
    __u32 in_ifindex;
    __u32 out_ifindex;
    __u8 mac[6];
    __u8 action;
    __u8 flags;
    __u32 padding;
    struct weft_flow_detail detail;
    __u64 packets;
    __u64 bytes;
};
#define ENTRY_HEAD 24 /* bytes before the detail */
_Static_assert(__builtin_offsetof(struct weft_entry, detail) == ENTRY_HEAD, "the head is what decides");

/* What a translated entry puts in place of a packet's source (WEFT_FLOW_SNAT) or destination (WEFT_FLOW_DNAT). */
struct fast_rewrite {
    struct weft_ip address;
    __be16 port;
};
