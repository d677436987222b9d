// Compiled policies. Written by weftd only, as a transaction (docs/architecture.md).
//
// A compiled policy is for one direction and may serve many endpoints. For a class of peers it has one set of port
// rows: intervals over (protocol << 16 | destination port) that do not overlap, are in ascending order and together
// cover 0 .. 0xffffff. The lookup is therefore: the row whose interval holds the packet's number gives the final
// verdict and the rule that gave it. Precedence was settled when it was compiled. Of ICMP and ICMPv6 the port is the
// type of the packet that opens the connection; for other protocols without ports it is 0.
#pragma once

#include "datapath/abi/types.h"

#define WEFT_MAX_POLICIES 65536
#define WEFT_MAX_POLICY_CLASSES 1048576
#define WEFT_MAX_PORT_ROWS 1048576
#define WEFT_MAX_RULES 262144
#define WEFT_PORT_NUMBER_MAX 0xffffffU  // highest (protocol << 16 | port)

// A run of rows in `port_rows`.
struct weft_port_set {
    __u32 start;
    __u32 count;  // at least 1
};

// Map `policies`: array, index = policy number (1..). Most policies name few peers: the first classes with port sets of
// their own stand here, in the one cache line that is read anyway, and only what has no place stands in
// `policy_classes`. Places keep their class while it has rows: a row is written over whole, in no known order.
#define WEFT_POLICY_PLACES 4
struct weft_policy {
    struct weft_port_set others;  // for classes without a set of their own; count 0: the number is not in use
    __u32 whole;                  // 1: no class of this policy stands in `policy_classes`
    __u32 reserved;               // 0
    struct {
        __u32 class_id;  // WEFT_CLASS_UNKNOWN: free
        struct weft_port_set set;
    } classes[WEFT_POLICY_PLACES];
};
WEFT_ASSERT(sizeof(struct weft_policy) == 64, "a policy is one cache line");

// Map `policy_classes`: hash, value struct weft_port_set: the classes that have no place in their policy.
struct weft_policy_class_key {
    __u32 policy;
    __u32 class_id;  // never WEFT_CLASS_UNKNOWN
};

// Map `port_rows`: array.
struct weft_port_row {
    __u32 first;    // inclusive, protocol << 16 | port
    __u32 last;     // inclusive
    __u32 rule;     // rule number; for a deny by default the number of the rule that stands for the isolating policies
    __u32 verdict;  // enum weft_verdict | enum weft_row_flag | number of its list of names << WEFT_ROW_NAMES_SHIFT
};
WEFT_ASSERT(sizeof(struct weft_port_row) == 16, "weft_port_row has no padding");

enum weft_row_flag {
    WEFT_ROW_DEFAULT_DENY =
        2,                  // with WEFT_VERDICT_DENY: nothing allowed it (WEFT_DROP_POLICY_DENIED), else POLICY_DENY
    WEFT_ROW_AUDIT = 4,     // the rule is of a policy in audit mode; only in tables that audit
    WEFT_ROW_UNLOGGED = 8,  // with WEFT_VERDICT_ALLOW: the policy wants no events of what it allows
};

// Above the flags: the list in `dns_rows` (datapath/abi/dns.h) of what goes before this row if the address is known by
// a DNS name; 0: nothing does.
#define WEFT_ROW_NAMES_SHIFT 8
#define WEFT_MAX_NAME_LISTS 65536

// Map `rule_counters`: per-CPU array, index = rule number. Rule 0 is "not isolated: allowed".
struct weft_rule_counter {
    __u64 packets;  // of flows that are closed or were decided again; live flows carry theirs in their entries
    __u64 bytes;
    __u64 connections;  // first packets decided by this rule
};
