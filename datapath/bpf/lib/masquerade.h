/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Source address and port for pods that talk to the outside. The port range is disjoint from the host's own ephemeral
 * ports, so that a host's connection never has the same tuple; within the range a port is free if no flow entry answers
 * to it. */
#pragma once

#include "datapath/bpf/lib/flow_table.h"
#include "datapath/bpf/lib/scratch.h"

#define MASQUERADE_TRIES 12

INLINE void tuple_reverse(const struct weft_key6* tuple, struct weft_key6* reverse) {
    reverse->source = tuple->destination;
    reverse->destination = tuple->source;
    reverse->source_port = tuple->destination_port;
    reverse->destination_port = tuple->source_port;
    *(__u32*)&reverse->protocol = *(const __u32*)&tuple->protocol;
}

/* The tuple that answers packets of `tuple` after `entry` rewrote them. */
INLINE void tuple_answer(const struct weft_key6* tuple, const struct weft_entry* entry, struct weft_key6* answer) {
    tuple_reverse(tuple, answer);
    if (entry->flags & WEFT_FLOW_SNAT) {
        answer->destination = entry->detail.rewrite_address;
        answer->destination_port = entry->detail.rewrite_port;
    }
    if (entry->flags & WEFT_FLOW_DNAT) {
        answer->source = entry->detail.rewrite_address;
        answer->source_port = entry->detail.rewrite_port;
    }
    /* An echo's id stands in both places of a tuple. */
    if (tuple->protocol != IPPROTO_ICMP && tuple->protocol != IPPROTO_ICMPV6) return;
    if (entry->flags & WEFT_FLOW_SNAT) answer->source_port = answer->destination_port;
    if (entry->flags & WEFT_FLOW_DNAT) answer->destination_port = answer->source_port;
}

INLINE bool has_ports_to_choose(__u8 protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* A function of its own: in the loop below it takes so many values to the stack that kernel 6.1 refuses the program
 * (544 bytes in six calls). */
CHECKED_ONCE int answer_opening(struct weft_scratch* s) {
    if (!s) return 0;
    tuple_answer(&s->opening, &s->forward, &s->answering);
    return 1;
}

/* Sets SNAT in s->forward, DNAT in s->reply, and s->answering. 0 or the reason. A connection that is decided afresh
 * keeps its port; else s->found is written over. */
CHECKED_ONCE int masquerade(struct weft_scratch* s, const struct weft_control* control, bool keep) {
    if (!s || !control) return WEFT_DROP_NO_MASQUERADE_PORT;
    const bool v4 = tuple_is_v4(&s->opening);
    const __u32 range = (__u32)control->masquerade_port_last - control->masquerade_port_first + 1;
    struct weft_entry* forward = &s->forward;
    if (v4)
        ip_set_v4(&forward->detail.rewrite_address, control->masquerade4);
    else
        forward->detail.rewrite_address = control->masquerade6;
    forward->flags |= WEFT_FLOW_SNAT;
    s->reply.flags |= WEFT_FLOW_DNAT;
    s->reply.detail.rewrite_address = s->opening.source;
    s->reply.detail.rewrite_port = s->opening.source_port;
    if (keep) {
        forward->detail.rewrite_port =
            s->found.flags & WEFT_FLOW_SNAT ? s->found.detail.rewrite_port : s->packet.tuple.destination_port;
        answer_opening(s);
        return 0;
    }
    const __u8 protocol = s->opening.protocol;
    const bool choose = has_ports_to_choose(protocol);
    __u32 at =
        (__u32)mix64(((__u64)bpf_ntohs(s->opening.source_port) << 32 | ip_v4(&s->opening.source)) ^ control->hash_seed);
    for (int i = 0; i < MASQUERADE_TRIES; i++) {
        forward->detail.rewrite_port =
            choose ? bpf_htons((__u16)(control->masquerade_port_first + at % range)) : s->opening.source_port;
        answer_opening(s);
        if (flow_lookup(&s->answering, &s->found, control->hash_seed) == FOUND_NOT) return 0;
        if (!choose) return WEFT_DROP_MASQUERADE_PROTOCOL;
        at = i < 4 ? at + 1 : bpf_get_prandom_u32();
    }
    return WEFT_DROP_NO_MASQUERADE_PORT;
}
