/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What rules by DNS names say of an address that a pod learned. Only asked where a row of its policy has a list of
 * names. */
#pragma once

#include "datapath/bpf/lib/dns_name.h"
#include "datapath/bpf/lib/policy.h"

/* The class of a name that an address refers to, as the automaton in force says; 0: none, or the name is another by
 * now. */
CHECKED_ONCE __u32 class_of_name(__u32 index, __u32 sequence) {
    __u32 key = index; /* one for all look-ups: the stack below here is full */
    struct weft_dns_name* name = bpf_map_lookup_elem(&dns_names, &key);
    key = index / WEFT_DNS_WAYS;
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_name_sets, &key);
    key = 0;
    const struct weft_control* now = bpf_map_lookup_elem(&control, &key);
    if (!now) return 0;
    key = automaton_index(now);
    const struct weft_dns_automaton* automaton = bpf_map_lookup_elem(&dns_automata, &key);
    if (!set || !name || !automaton) return 0;
    const struct weft_dns_head* head = dns_head(set, index);
    const __u64 known = READ_ONCE(*(__u64*)&name->class_id);
    barrier();
    if (READ_ONCE(head->sequence) != sequence) return 0;
    const __u32 serial = automaton->serial;
    if (likely(known >> 32 == serial)) return (__u32)known;
    const __u32 class_id = serial ? dns_class(automaton, name) : 0;
    barrier();
    if (READ_ONCE(head->sequence) != sequence) return 0;
    WRITE_ONCE(*(__u64*)&name->class_id, (__u64)serial << 32 | class_id);
    return class_id;
}

/* s->known: what the pod has learned of the destination. */
INLINE bool learned_of(struct weft_scratch* s, __u32 owner, __u64 seed) {
    const __u64 hash = dns_hash(owner, &s->opening.destination, 0, seed);
    const __u32 set_index = (__u32)hash % WEFT_DNS_ADDRESS_SETS;
    struct weft_dns_set* set = bpf_map_lookup_elem(&dns_address_sets, &set_index);
    if (!set) return false;
    const __u32 way = dns_way(set, owner, (__u32)(hash >> 32));
    const __u32 index = set_index * WEFT_DNS_WAYS + way;
    const struct weft_dns_address* entry = way < NO_WAY ? bpf_map_lookup_elem(&dns_addresses, &index) : NULL;
    if (!entry) return false;
    const struct weft_dns_head* head = dns_head(set, way);
    const __u32 sequence = READ_ONCE(head->sequence);
    barrier();
    s->known = *entry;
    barrier();
    return !(sequence & 1) && READ_ONCE(head->sequence) == sequence &&
           ip_equal(&s->known.address, &s->opening.destination);
}

/* s->name_row: the row of the list that goes first of those that the address's names have. 0: none has one. */
CHECKED_ONCE int row_by_name(struct weft_scratch* s, __u32 list) {
    if (!s) return 0;
    const struct weft_control* control = control_of();
    const __u32 owner = dns_owner_of(s->forward.detail.source_endpoint);
    if (!control || owner == 0 || !learned_of(s, owner, control->hash_seed)) return 0;
    const __u32 now = s->again ? 0 : boot_seconds();
    s->name_row.order = 0xffffffff;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEFT_DNS_NAMES_OF_ADDRESS; i++) {
        if (s->known.names[i].expires <= now) continue;
        const struct weft_dns_row_key key = {
            .list = list, .class_id = class_of_name(s->known.names[i].name, s->known.names[i].sequence)};
        const struct weft_dns_row* row = key.class_id ? bpf_map_lookup_elem(&dns_rows, &key) : NULL;
        if (row && row->order < s->name_row.order) s->name_row = *row;
    }
    return s->name_row.order != 0xffffffff;
}

/* Names are for what is outside: not for pods and nodes, whatever an answer says. */
INLINE bool names_may_decide(const struct weft_scratch* s, __u32 flags) {
    const struct weft_flow_detail* detail = &s->forward.detail;
    return unlikely(flags >> WEFT_ROW_NAMES_SHIFT) && detail->destination_endpoint == 0 &&
           (detail->destination_identity == WEFT_IDENTITY_WORLD ||
            detail->destination_identity == WEFT_IDENTITY_KUBE_APISERVER);
}

/* What policy_verdict gave for the pod's egress, from a row with a list of names. */
INLINE int verdict_by_name(struct weft_scratch* s, int reason, __u32* rule, __u32* flags) {
    if (!row_by_name(s, *flags >> WEFT_ROW_NAMES_SHIFT)) return reason;
    *rule = s->name_row.rule;
    *flags = s->name_row.verdict;
    return reason_of(*flags);
}
