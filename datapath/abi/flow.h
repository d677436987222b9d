// The flow table: everything that a packet of a known connection needs, found by the packet's own tuple.
//
// Layout. Not a kernel hash map but three arrays: the slots, in sets of WEFT_FLOW_WAYS, with what every packet needs
// (one cache line for IPv4, two for IPv6); the slots' details beside them under the same index; and one 64-bit word of
// tags a set (8 bits a way, 0 = free). A lookup hashes the key, loads the tag word (small, stays in cache), and touches
// only the slot whose tag fits. A key lives in one of two sets. Claiming a way is a compare-and-swap of the tag word; a
// writer makes `sequence` odd while it writes, so that a reader on another CPU never acts on half of two entries.
// docs/datapath.md has the reasons and the measurements.
#pragma once

#include "datapath/abi/types.h"

#define WEFT_FLOW_WAYS 8

// The index of a way's slot and detail. Ways lie apart, sets side by side: a table that is lightly used keeps to the
// first ways, and so to a part of its memory that fits the processor's caches. `mask`: sets minus one.
static inline __u32 weft_slot_index(__u32 set, __u32 way, __u32 mask) {
    return way * (mask + 1) + set;
}

// Load-time constants of the programs: sets of each table minus one, and the clock of the kernel's tick.
struct weft_constants {
    __u32 flow4;
    __u32 flow6;
    __u32 half4;
    __u32 half6;
    __u32 ticks_per_second;  // the kernel's HZ
};

// What to do with the packet after the rewrite.
enum weft_action {
    WEFT_ACTION_NONE = 0,
    WEFT_ACTION_PEER = 1,       // into the namespace of the pod behind `out_ifindex` (bpf_redirect_peer)
    WEFT_ACTION_STACK = 2,      // to this node's stack
    WEFT_ACTION_NEIGHBOUR = 3,  // out of `out_ifindex`, the kernel finds route and neighbour (bpf_redirect_neigh)
    WEFT_ACTION_DELIVER = 4,    // seen at the last hook before the pod: let it pass
    WEFT_ACTION_COUNT,
};

enum weft_flow_flag {
    WEFT_FLOW_REPLY = 1,    // the entry of the answering direction
    WEFT_FLOW_SNAT = 2,     // source is rewritten to the values of the rewrite
    WEFT_FLOW_DNAT = 4,     // destination is rewritten
    WEFT_FLOW_FIN = 8,      // a FIN went this way
    WEFT_FLOW_CLOSED = 16,  // RST, or FIN in both directions: set in both entries
    WEFT_FLOW_DNS = 32,     // a pod's questions and the answers to them, which are read: never the fast path
};

// Time in the table: ticks, the low 32 bits of the kernel's jiffies (1 to 10 ms each; 49 days and more until they
// wrap). Reading them is one load; any clock call costs a packet 10 ns (docs/datapath.md).

struct weft_key4 {
    __u32 source;        // network order
    __u32 destination;   // network order
    __be16 source_port;  // ICMP echo: the id in both
    __be16 destination_port;
    __u8 protocol;
    __u8 icmp_type;    // ICMP, ICMPv6: of the packet that opened the connection, in both directions; else 0
    __u8 reserved[2];  // 0
};

struct weft_key6 {
    struct weft_ip source;
    struct weft_ip destination;
    __be16 source_port;
    __be16 destination_port;
    __u8 protocol;
    __u8 icmp_type;
    __u8 reserved[2];  // 0
};

enum weft_detail_flag {
    WEFT_DETAIL_UNLOGGED = 1,       // no events: every rule that let it pass says so
    WEFT_DETAIL_AUDITED = 2,        // policies in audit mode were asked
    WEFT_DETAIL_AUDIT_EGRESS = 4,   // audit_rule[WEFT_EGRESS] is of a policy in audit mode: its counters count
    WEFT_DETAIL_AUDIT_INGRESS = 8,  // likewise
};

// What of an entry is read only when it opens, is translated, closes or is decided afresh. Maps flow4_detail and so on.
struct weft_flow_detail {
    __u64 created_ns;       // CLOCK_MONOTONIC
    __u32 rule[2];          // [enum weft_direction]: the rule that let it pass at the source and at the destination
    __u32 source_identity;  // of the connection's opener, in both entries
    __u32 destination_identity;
    __u16 source_endpoint;  // of the opener; 0: not a pod of this node
    __u16 destination_endpoint;
    __be16 rewrite_port;
    __u16 reserved;  // 0
    struct weft_ip rewrite_address;
    __u32 audit_rule[2];   // with WEFT_DETAIL_AUDITED: as `rule`, were the policies in audit mode enforced
    __u8 flags;            // enum weft_detail_flag
    __u8 audit_reason;     // drop_reason.def: why it would be dropped; 0: it would not
    __u8 audit_direction;  // enum weft_direction that would deny, or the last
    __u8 reserved2[5];     // 0
};
WEFT_ASSERT(sizeof(struct weft_flow_detail) == 64, "an entry's detail is one cache line");

struct weft_flow4 {
    __u32 sequence;    // odd while it is being written
    __u32 generation;  // 0: empty
    struct weft_key4 key;
    __u32 in_ifindex;  // where packets of this entry come from; another one is decided afresh (source check)
    __u32 out_ifindex;
    __u8 mac[6];      // destination address to write
    __u8 action;      // enum weft_action
    __u8 flags;       // enum weft_flow_flag
    __u32 last_seen;  // ticks
    __u32 reserved;   // 0
    __u64 packets;
    __u64 bytes;  // from the IP header on, as the stack handles them (a GSO packet's headers once)
};
WEFT_ASSERT(sizeof(struct weft_flow4) == 64, "an IPv4 slot is one cache line");

struct weft_flow6 {
    __u32 sequence;
    __u32 generation;
    struct weft_key6 key;
    __u32 in_ifindex;
    __u32 out_ifindex;
    __u8 mac[6];
    __u8 action;
    __u8 flags;
    // second cache line
    __u64 packets;
    __u64 bytes;
    __u32 last_seen;
    __u32 reserved[11];
};
WEFT_ASSERT(sizeof(struct weft_flow6) == 128, "an IPv6 slot is two cache lines");

// Map `fragments` (LRU hash): ports of a datagram from its first fragment, value struct weft_fragment_ports.
struct weft_fragment_key {
    struct weft_ip source;
    struct weft_ip destination;
    __u32 id;  // IPv4: in the low 16 bits
    __u32 protocol;
};
struct weft_fragment_ports {
    __be16 source;
    __be16 destination;
    __u8 icmp_type;
    __u8 icmp_code;
    __u16 reserved;  // 0
};

// Map `denials`: array of WEFT_DENIALS slots found by a hash of the key, newest wins. A remembered denial answers the
// next packets of the same kind without looking anything else up, and holds back their events. It is no flow entry: it
// is valid for one generation and at most one drop interval, and losing it costs only time.
#define WEFT_DENIALS 2048
#define WEFT_DENIAL_OPEN 128  // the next DNS answer may allow it: each packet is decided about
struct weft_denial {
    struct weft_ip source;
    struct weft_ip destination;
    __be16 destination_port;  // ICMP: the type
    __u8 protocol;
    __u8 reason;  // drop_reason.def; with WEFT_DENIAL_OPEN it only holds back events
    __u32 in_ifindex;
    __u32 generation;  // 0: empty
    __u32 rule;
    __u32 event_ticks;  // when its last event was sent
    __u32 packets;      // since then
    __u64 bytes;
};
WEFT_ASSERT(sizeof(struct weft_denial) == 64, "a denial is one cache line");

// Map `decisions`: per-CPU array of WEFT_DECISIONS slots found by a hash of the key, newest wins: what the tables said
// about the last connection to a pod of this node. The next one between the same two takes the way from here and asks
// only the policies, and to the same port not even them. Valid for one generation, as a flow entry is, and no entry
// itself: losing it costs only time.
#define WEFT_DECISIONS 256
struct weft_decision {
    struct weft_ip source;
    struct weft_ip destination;
    __be16 destination_port;  // of the last connection; ICMP: its type; 0: protocol without ports
    __u8 protocol;            // as well
    __u8 hook;                // enum weft_hook
    __u32 in_ifindex;         // the device of the packet that opens
    __u32 generation;         // 0: empty
    __u32 source_identity;
    __u32 destination_identity;
    __u16 source_endpoint;
    __u16 destination_endpoint;
    __u32 rule[2];        // [enum weft_direction], about that port
    __u32 policy[2];      // [enum weft_direction] to ask about other ports; 0: none
    __u32 peer_class[2];  // the class that it sees
    struct {              // [0] of the opening direction, [1] of the answering one
        __u32 in_ifindex;
        __u32 out_ifindex;
        __u8 mac[6];
        __u8 action;
        __u8 flags;
    } way[2];
    __u32 detail_flags;  // enum weft_detail_flag, about that port
    __u32 reserved[3];   // 0; two cache lines
};
WEFT_ASSERT(sizeof(struct weft_decision) == 128, "a decision is two cache lines");
