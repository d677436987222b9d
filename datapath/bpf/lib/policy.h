/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The compiled policy's answer (layout: datapath/abi/policy.h). */
#pragma once

#include "datapath/bpf/lib/maps.h"

/* Steps of the binary search: enough for any set of port rows. */
#define PORT_SEARCH_STEPS 21

/* The row that decides about (protocol << 16 | port) between `policy` and a peer of `class_id`, or NULL if the tables
 * lack it. */
INLINE const struct weft_port_row* policy_row(__u32 policy, __u32 class_id, __u32 number) {
    const struct weft_policy_class_key key = {.policy = policy, .class_id = class_id};
    const struct weft_port_set* set = NULL;
    if (class_id != WEFT_CLASS_UNKNOWN) set = bpf_map_lookup_elem(&policy_classes, &key);
    if (!set) set = bpf_map_lookup_elem(&policies, &policy);
    if (!set) return NULL;
    __u32 first = set->start, count = set->count;
    for (int i = 0; i < PORT_SEARCH_STEPS && count > 1; i++) {
        const __u32 half = count / 2, middle = first + half;
        const struct weft_port_row* row = bpf_map_lookup_elem(&port_rows, &middle);
        if (!row) return NULL;
        if (row->first <= number) {
            first = middle;
            count -= half;
        } else {
            count = half;
        }
    }
    const struct weft_port_row* row = count == 1 ? bpf_map_lookup_elem(&port_rows, &first) : NULL;
    return row && row->first <= number && number <= row->last ? row : NULL;
}

/* The reason to deny (0: allowed) and the rule that said so. */
CHECKED_ONCE int policy_verdict(__u32 policy, __u32 class_id, __u32 number, __u32* rule) {
    if (!rule) return WEFT_DROP_NO_POLICY_TABLE;
    *rule = 0;
    if (policy == 0) return 0;
    const struct weft_port_row* row = policy_row(policy, class_id, number);
    if (!row) return WEFT_DROP_NO_POLICY_TABLE;
    *rule = row->rule;
    if (row->verdict & WEFT_VERDICT_ALLOW) return 0;
    return row->verdict & WEFT_ROW_DEFAULT_DENY ? WEFT_DROP_POLICY_DENIED : WEFT_DROP_POLICY_DENY;
}
