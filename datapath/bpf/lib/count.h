/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Counters outside the flow entries. */
#pragma once

#include "datapath/bpf/lib/maps.h"

INLINE void count_packet(__u32 reason, __u32 hook, __u64 packets, __u64 bytes) {
    const __u32 index = reason * WEFT_HOOK_COUNT + hook;
    struct weft_metric* metric = bpf_map_lookup_elem(&metrics, &index);
    if (!metric) return;
    metric->packets += packets;
    metric->bytes += bytes;
}

INLINE void count_rule(__u32 rule, __u64 packets, __u64 bytes, __u64 connections) {
    struct weft_rule_counter* counter = bpf_map_lookup_elem(&rule_counters, &rule);
    if (!counter) return;
    counter->packets += packets;
    counter->bytes += bytes;
    counter->connections += connections;
}

/* What a connection carried, for the rules that let it pass, and for those in audit mode that would have decided. */
INLINE void count_rules(const struct weft_flow_detail* detail, __u64 packets, __u64 bytes, __u64 connections) {
    count_rule(detail->rule[WEFT_EGRESS], packets, bytes, connections);
    count_rule(detail->rule[WEFT_INGRESS], packets, bytes, connections);
    if (likely(!(detail->flags & WEFT_DETAIL_AUDITED))) return;
    if (detail->flags & WEFT_DETAIL_AUDIT_EGRESS)
        count_rule(detail->audit_rule[WEFT_EGRESS], packets, bytes, connections);
    if (detail->flags & WEFT_DETAIL_AUDIT_INGRESS)
        count_rule(detail->audit_rule[WEFT_INGRESS], packets, bytes, connections);
}

INLINE void count_lost(__u32 why) {
    __u64* counter = bpf_map_lookup_elem(&lost, &why);
    if (counter) (*counter)++;
}

/* Packets that an skb stands for: a GSO packet is as many as it will be cut into. */
INLINE __u64 packets_of(const struct __sk_buff* ctx) {
    return ctx->gso_segs ? ctx->gso_segs : 1;
}
