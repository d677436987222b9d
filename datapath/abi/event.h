// Events in the ring buffer `events`, and the counters beside it. Every event begins with weft_event_header; a reader
// checks type, version and length before it looks further and counts what it does not know.
#pragma once

#include "datapath/abi/types.h"

#define WEFT_EVENT_VERSION 2

enum weft_event_type {
    WEFT_EVENT_NEW = 1,      // first packet of a connection, forwarded
    WEFT_EVENT_DROP = 2,     // a packet was dropped; `packets`/`bytes`: drops of this kind since the last such event
    WEFT_EVENT_CHANGED = 3,  // an existing connection was decided afresh and is now allowed by another rule
    WEFT_EVENT_CLOSE = 4,    // closed or aged out; final counts of the entry's own direction
    WEFT_EVENT_DNS = 5,      // a DNS question or its answer: struct weft_dns_event (datapath/abi/dns.h)
    WEFT_EVENT_LAST = WEFT_EVENT_DNS,
};

// Where the packet was seen.
enum weft_hook {
    WEFT_HOOK_FROM_POD = 0,
    WEFT_HOOK_TO_POD = 1,
    WEFT_HOOK_FROM_NETDEV = 2,
    WEFT_HOOK_AGE = 3,  // the ageing pass
    WEFT_HOOK_TO_NETDEV = 4,
    WEFT_HOOK_COUNT = 5,
};

enum weft_event_flag {
    WEFT_EVENT_REPLY = 1,  // the packet went in the answering direction of its connection
    WEFT_EVENT_AGED = 2,   // CLOSE: by timeout, not by FIN or RST
    WEFT_EVENT_SNAT = 4,   // masqueraded: rewrite_address and rewrite_port are the new source
    WEFT_EVENT_DNAT = 8,
    WEFT_EVENT_AUDITED = 16,  // forwarded, and policies in audit mode were asked: the fields `audit_...`
};

struct weft_event_header {
    __u8 type;     // enum weft_event_type
    __u8 version;  // WEFT_EVENT_VERSION
    __u16 length;  // of the whole event in bytes
};

struct weft_event {
    struct weft_event_header header;
    __u8 hook;              // enum weft_hook
    __u8 direction;         // enum weft_direction that decided (the one that denied, or the last that allowed)
    __u8 reason;            // drop_reason.def; 0 for forwarded
    __u8 flags;             // enum weft_event_flag
    __u64 time_ns;          // CLOCK_MONOTONIC
    struct weft_ip source;  // as in the packet before any rewrite
    struct weft_ip destination;
    __be16 source_port;       // ICMP: type in the low byte of the host-order value
    __be16 destination_port;  // ICMP: code likewise; 0 of CLOSE
    __u8 protocol;
    __u8 tcp_flags;        // byte 13 of the TCP header
    __u8 audit_reason;     // drop_reason.def: why it would be dropped, were the policies in audit mode enforced; 0: it
                           // would not
    __u8 audit_direction;  // enum weft_direction, as `direction`
    __u32 source_identity;
    __u32 destination_identity;
    __u16 source_endpoint;
    __u16 destination_endpoint;
    __u32 ifindex;  // the device of the hook
    __u32 rule[2];  // [enum weft_direction]; for a drop only the denying direction's is meant
    __u64 packets;
    __u64 bytes;
    struct weft_ip rewrite_address;
    __be16 rewrite_port;
    __u16 reserved2;  // 0
    __u32 generation;
    __u32 audit_rule[2];  // as `rule`, were the policies in audit mode enforced
};
WEFT_ASSERT(sizeof(struct weft_event) == 128, "weft_event has no padding");

enum weft_drop_reason {
    WEFT_FORWARDED = 0,
#define WEFT_DROP_REASON(code, name, text, hubble_name, hubble_number) WEFT_DROP_##name = code,
#include "datapath/abi/drop_reason.def"
#undef WEFT_DROP_REASON
    WEFT_DROP_REASON_COUNT
};

// Map `metrics`: per-CPU array, index = reason * WEFT_HOOK_COUNT + hook. Reason 0 counts what was forwarded.
struct weft_metric {
    __u64 packets;
    __u64 bytes;
};

// Map `lost`: per-CPU array of __u64, events that were not sent.
enum weft_lost {
    WEFT_LOST_RING_FULL = 0,
    WEFT_LOST_DROP_LIMIT = 1,  // not sent on purpose: counted in the next event of the same kind
    WEFT_LOST_DNS_LIMIT = 2,   // of DNS messages: more than a CPU may tell of in a second
    WEFT_LOST_COUNT = 3,
};
