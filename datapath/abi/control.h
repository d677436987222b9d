// The node's settings and the two numbers that make a policy change atomic. Map `control`: array of one.
#pragma once

#include "datapath/abi/types.h"

// `generation` is raised after any change that could alter an existing decision; flow entries of another generation are
// decided afresh by their next packet. `epoch` selects which of the two policy numbers of each endpoint is in force: a
// transaction writes the other one for every endpoint, then changes `epoch`, then `generation`, both in one 8-byte
// store. The automaton of DNS names changes with them.
struct weft_control {
    __u32 generation;  // never 0: 0 marks an empty flow entry
    __u32 epoch;       // bit 0: of the endpoints' policies; bit 1: which of `dns_automata` is in force
    __u32 abi_version;
    __u32 uplink_ifindex;         // 0: the node has no uplink, nothing is masqueraded
    __u32 flags;                  // enum weft_control_flag
    __u32 masquerade4;            // network order; 0: IPv4 is not masqueraded
    struct weft_ip masquerade6;   // all zero: IPv6 is not masqueraded
    __u16 masquerade_port_first;  // host order, inclusive
    __u16 masquerade_port_last;
    __u32 timeout_tcp;        // seconds idle, established
    __u32 timeout_closing;    // seconds idle after FIN in both directions or RST
    __u32 timeout_udp;        // seconds idle, answered
    __u32 timeout_other;      // seconds idle, every other protocol
    __u32 timeout_half_open;  // seconds idle, unanswered
    __u32 drop_interval_ms;   // one drop event for each (source, destination, port, reason) in this time
    __u32 gateway4;           // network order: what the pods know as their gateway; 0: no IPv4
    __u64 hash_seed;          // random, chosen once; flow positions depend on it
    __u8 object_digest[32];   // SHA-256 of the BPF object that is pinned: another digest means "replace the programs"
    struct weft_ip gateway6;  // as gateway4; all zero: no IPv6
};
WEFT_ASSERT(sizeof(struct weft_control) == 128, "weft_control has no padding");

enum weft_control_flag {
    WEFT_CONTROL_ALLOW_HOST =
        1,  // traffic from and to the pod's own node passes whatever the policies say (kubelet's probes)
};
