// Pods of this node, and what an address is. Written by weftd only.
#pragma once

#include "datapath/abi/types.h"

#define WEFT_MAX_ENDPOINTS 4096
// The node itself: its row has policies and nothing else of account. No address names it; addresses of this node have
// WEFT_ADDR_HOST.
#define WEFT_NODE_ENDPOINT 4095

// Compiled policies of an endpoint: one a direction, and behind them those that are asked only to tell what they say.
#define WEFT_AUDIT 2
#define WEFT_POLICY_KINDS 4

// Map `endpoints`: array; the index is the endpoint's number (1..WEFT_NODE_ENDPOINT-1 pods, 0 is "none").
struct weft_endpoint {
    __u32 ifindex;  // host end of the veth pair; 0: the row is not in use
    __u32 identity;
    // [epoch][enum weft_direction]: index into `policies`; 0: not isolated, everything is allowed.
    // [epoch][WEFT_AUDIT + enum weft_direction]: the same, were the policies in audit mode enforced; 0: there are none.
    __u32 policy[2][WEFT_POLICY_KINDS];
    __u8 mac[6];        // pod end
    __u16 flags;        // enum weft_endpoint_flag
    __u32 reserved[4];  // 0; makes a row one cache line
};
WEFT_ASSERT(sizeof(struct weft_endpoint) == 64, "weft_endpoint has no padding");

enum weft_endpoint_flag {
    WEFT_ENDPOINT_DNS = 1,  // a policy of its egress has rules by DNS names: the answers to it are read
};

// What is known of an address. Maps: `addr4` (hash, key __u32 network order), `addr6` (hash, key struct weft_ip) for
// single addresses: pods of every node, the nodes' own; `cidr4`, `cidr6` (longest prefix match) for the rest.
struct weft_addr {
    __u32 identity;
    __u32 class_id;
    __u32 endpoint;  // number of the local endpoint that owns the address, 0 if none here
    __u32 flags;     // enum weft_addr_flag
};
WEFT_ASSERT(sizeof(struct weft_addr) == 16, "weft_addr has no padding");

enum weft_addr_flag {
    WEFT_ADDR_HOST = 1,  // an address of this node
    WEFT_ADDR_NO_MASQUERADE =
        2,                    // traffic to it keeps the pod's address (pods of other nodes, nodes, configured prefixes)
    WEFT_ADDR_POD_RANGE = 4,  // in this node's pod range: without an endpoint it is nobody's
};

// Keys of the longest-prefix-match maps.
struct weft_cidr4_key {
    __u32 prefix_length;
    __u32 address;  // network order
};
struct weft_cidr6_key {
    __u32 prefix_length;
    struct weft_ip address;
};
