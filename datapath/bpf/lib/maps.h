/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* All maps. Sizes that are 1 here are set when the object is loaded (datapath/loader). */
#pragma once

#include "datapath/bpf/lib/common.h"

#define ARRAY_MAP(name, value_type, entries) \
    struct {                                 \
        __uint(type, BPF_MAP_TYPE_ARRAY);    \
        __type(key, __u32);                  \
        __type(value, value_type);           \
        __uint(max_entries, entries);        \
    } name SEC(".maps")

#define PERCPU_MAP(name, value_type, entries)    \
    struct {                                     \
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); \
        __type(key, __u32);                      \
        __type(value, value_type);               \
        __uint(max_entries, entries);            \
    } name SEC(".maps")

#define HASH_MAP(name, map_type, key_type, value_type, entries, extra_flags) \
    struct {                                                                 \
        __uint(type, map_type);                                              \
        __type(key, key_type);                                               \
        __type(value, value_type);                                           \
        __uint(max_entries, entries);                                        \
        __uint(map_flags, extra_flags);                                      \
    } name SEC(".maps")

/* Set when the object is loaded, from the maps' sizes. In a section of its own: the loader finds it whole. */
const volatile struct weft_constants constants SEC(".rodata.constants") = {};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct weft_control);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE); /* weftd changes generation and epoch by one store */
} control SEC(".maps");

ARRAY_MAP(endpoints, struct weft_endpoint, WEFT_MAX_ENDPOINTS);
/* Preallocated: a lookup touches memory that stays where it is. */
HASH_MAP(addr4, BPF_MAP_TYPE_HASH, __u32, struct weft_addr, 1, 0);
HASH_MAP(addr6, BPF_MAP_TYPE_HASH, struct weft_ip, struct weft_addr, 1, 0);
HASH_MAP(cidr4, BPF_MAP_TYPE_LPM_TRIE, struct weft_cidr4_key, struct weft_addr, 1, BPF_F_NO_PREALLOC);
HASH_MAP(cidr6, BPF_MAP_TYPE_LPM_TRIE, struct weft_cidr6_key, struct weft_addr, 1, BPF_F_NO_PREALLOC);

ARRAY_MAP(policies, struct weft_policy, WEFT_MAX_POLICIES);
/* Not preallocated: a node has few of the million rows that it may have. */
HASH_MAP(policy_classes, BPF_MAP_TYPE_HASH, struct weft_policy_class_key, struct weft_port_set, WEFT_MAX_POLICY_CLASSES,
         BPF_F_NO_PREALLOC);
ARRAY_MAP(port_rows, struct weft_port_row, WEFT_MAX_PORT_ROWS);

PERCPU_MAP(rule_counters, struct weft_rule_counter, WEFT_MAX_RULES);
PERCPU_MAP(metrics, struct weft_metric, WEFT_DROP_REASON_COUNT* WEFT_HOOK_COUNT);
PERCPU_MAP(lost, __u64, WEFT_LOST_COUNT);

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1);
} events SEC(".maps");

ARRAY_MAP(flow4, struct weft_flow4, 1);
ARRAY_MAP(flow6, struct weft_flow6, 1);
ARRAY_MAP(half4, struct weft_flow4, 1);
ARRAY_MAP(half6, struct weft_flow6, 1);
ARRAY_MAP(flow4_detail, struct weft_flow_detail, 1);
ARRAY_MAP(flow6_detail, struct weft_flow_detail, 1);
ARRAY_MAP(half4_detail, struct weft_flow_detail, 1);
ARRAY_MAP(half6_detail, struct weft_flow_detail, 1);
ARRAY_MAP(flow4_tags, __u64, 1);
ARRAY_MAP(flow6_tags, __u64, 1);
ARRAY_MAP(half4_tags, __u64, 1);
ARRAY_MAP(half6_tags, __u64, 1);

HASH_MAP(fragments, BPF_MAP_TYPE_LRU_HASH, struct weft_fragment_key, struct weft_fragment_ports, 8192, 0);
ARRAY_MAP(denials, struct weft_denial, WEFT_DENIALS);
PERCPU_MAP(decisions, struct weft_decision, WEFT_DECISIONS);

ARRAY_MAP(dns_query_sets, struct weft_dns_set, WEFT_DNS_QUERY_SETS);
ARRAY_MAP(dns_queries, struct weft_dns_query, WEFT_DNS_QUERY_SETS* WEFT_DNS_WAYS);
ARRAY_MAP(dns_name_sets, struct weft_dns_set, WEFT_DNS_NAME_SETS);
ARRAY_MAP(dns_names, struct weft_dns_name, WEFT_DNS_NAME_SETS* WEFT_DNS_WAYS);
ARRAY_MAP(dns_address_sets, struct weft_dns_set, WEFT_DNS_ADDRESS_SETS);
ARRAY_MAP(dns_addresses, struct weft_dns_address, WEFT_DNS_ADDRESS_SETS* WEFT_DNS_WAYS);
ARRAY_MAP(dns_stream_sets, struct weft_dns_set, WEFT_DNS_STREAM_SETS);
ARRAY_MAP(dns_streams, struct weft_dns_stream, WEFT_DNS_STREAM_SETS* WEFT_DNS_WAYS);
ARRAY_MAP(dns_automata, struct weft_dns_automaton, 2);
HASH_MAP(dns_rows, BPF_MAP_TYPE_HASH, struct weft_dns_row_key, struct weft_dns_row, WEFT_MAX_DNS_ROWS,
         BPF_F_NO_PREALLOC);
PERCPU_MAP(dns_counters, __u64, WEFT_DNS_COUNTS);

INLINE struct weft_control* control_of(void) {
    const __u32 zero = 0;
    return bpf_map_lookup_elem(&control, &zero);
}
