/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The compiled policy's answer (layout: datapath/abi/policy.h). */
#pragma once

#include "datapath/bpf/lib/maps.h"

/* Steps of the binary search: enough for any set of port rows. */
#define PORT_SEARCH_STEPS 21

/* The last of `count` rows from `first` on that begins at `number` or before, if there is one, else `first`. */
CHECKED_ONCE __u32 port_row_of(__u32 first, __u32 count, __u32 number) {
    for (int i = 0; i < PORT_SEARCH_STEPS && count > 1; i++) {
        const __u32 half = count / 2, middle = first + half;
        const struct weft_port_row* row = bpf_map_lookup_elem(&port_rows, &middle);
        if (!row) return first;
        if (row->first <= number) {
            first = middle;
            count -= half;
        } else {
            count = half;
        }
    }
    return first;
}

INLINE struct weft_port_set port_set_of(const struct weft_policy* compiled, __u32 policy, __u32 class_id) {
    if (class_id == WEFT_CLASS_UNKNOWN) return compiled->others;
    for (int i = 0; i < WEFT_POLICY_PLACES; i++)
        if (compiled->classes[i].class_id == class_id) return compiled->classes[i].set;
    if (compiled->whole) return compiled->others;
    const struct weft_policy_class_key key = {.policy = policy, .class_id = class_id};
    const struct weft_port_set* set = bpf_map_lookup_elem(&policy_classes, &key);
    return set ? *set : compiled->others;
}

/* The row that decides about (protocol << 16 | port) between `policy` and a peer of `class_id`, or NULL if the tables
 * lack it. */
INLINE const struct weft_port_row* policy_row(__u32 policy, __u32 class_id, __u32 number) {
    const struct weft_policy* compiled = bpf_map_lookup_elem(&policies, &policy);
    if (!compiled) return NULL;
    const struct weft_port_set set = port_set_of(compiled, policy, class_id);
    if (set.count == 0) return NULL;
    const __u32 index = set.count == 1 ? set.start : port_row_of(set.start, set.count, number);
    const struct weft_port_row* row = bpf_map_lookup_elem(&port_rows, &index);
    return row && row->first <= number && number <= row->last ? row : NULL;
}

INLINE int reason_of(__u32 verdict) {
    if (verdict & WEFT_VERDICT_ALLOW) return 0;
    return verdict & WEFT_ROW_DEFAULT_DENY ? WEFT_DROP_POLICY_DENIED : WEFT_DROP_POLICY_DENY;
}

/* The reason to deny (0: allowed), the rule that said so, and what of the row's verdict is behind it: flags, list of
 * names. */
INLINE int policy_verdict(__u32 policy, __u32 class_id, __u32 number, __u32* rule, __u32* flags) {
    *rule = 0;
    *flags = 0;
    if (policy == 0) return 0;
    const struct weft_port_row* row = policy_row(policy, class_id, number);
    if (!row) return WEFT_DROP_NO_POLICY_TABLE;
    *rule = row->rule;
    *flags = row->verdict;
    return reason_of(row->verdict);
}
