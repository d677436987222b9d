/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the slow path works on: too large for the stack of 512 bytes, so one a CPU. The programs run with softirqs off
 * and do not nest, so nobody else writes it meanwhile. */
#pragma once

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "datapath/bpf/lib/entry.h"

enum weft_packet_flag {
    PACKET_FIRST_FRAGMENT = 1,
    PACKET_LATER_FRAGMENT = 2,
    PACKET_ICMP_ERROR = 4,
    PACKET_LINK_LOCAL = 8, /* IPv6 neighbour, router and listener discovery, and what else stays on the link */
};

struct weft_packet {
    struct weft_key6 tuple; /* as on the wire at this hook; ICMP echo: the id as both ports */
    __u32 length;           /* from the IP header on */
    __u32 ifindex;
    __u16 l4; /* offset of the transport header in the frame; 0 in a later fragment */
    __u8 ttl;
    __u8 tcp_flags;
    __u8 icmp_type;
    __u8 icmp_code;
    __u8 hook;
    __u8 flags;
    __u64 segments;
};

/* Where the packet inside an ICMP error is. */
struct inner_packet {
    struct weft_key6 tuple; /* as it stands there */
    __u32 l3;
    __u32 l4;
};

/* One change of an address, a port and their checksums. */
struct translation {
    struct weft_ip from, to;
    __be16 port_from, port_to; /* equal: the port stays */
    __u32 address_at;          /* offsets in the frame */
    __u32 port_at;             /* 0: no port to write */
    int checksum_at;           /* transport checksum, -1: none */
    __u32 ip_checksum_at;      /* IPv4 header checksum, 0: IPv6 */
    bool pseudo_header;        /* the transport checksum covers the address */
    __u8 protocol;
};

/* An ICMP error about the packet at hand. Of the packet 128 bytes at most: behind those, readers look for extensions
 * (RFC 4884, 5.5). */
#define ICMP_HEADER 8
#define QUOTE_BYTES 128
struct icmp_answer {
    struct weft_ip from;
    struct iphdr ip4;
    struct ipv6hdr ip6;
    struct {
        __u8 type;
        __u8 code;
        __be16 checksum;
        __be32 unused;
        __u8 quote[QUOTE_BYTES];
    } message;
};

/* The decision about a connection's opening tuple: both of its entries, or why not. */
struct weft_scratch {
    struct weft_packet packet;
    struct weft_key6 opening;   /* the tuple that opens the connection */
    struct weft_key6 answering; /* the tuple of the answer, after masquerading */
    struct weft_entry forward;
    struct weft_entry reply;
    struct weft_entry found;
    struct weft_addr from; /* what the opening tuple's addresses are */
    struct weft_addr to;
    struct inner_packet inner;
    struct translation translation;
    __u32 rule;      /* that denied */
    __u32 direction; /* enum weft_direction that denied */
    /* When this CPU denied last: only then has it denials to look up. Stays from packet to packet. */
    __u32 denial_ticks;
    __u32 policy[WEFT_POLICY_KINDS]; /* that decide about the opening tuple, as in struct weft_endpoint; 0: none */
    __u32 peer_class[2];
    /* ICMP errors that this CPU may still send, and when it was given the last. Stay from packet to packet. */
    __u32 answers;
    __u32 answers_ticks;
    struct icmp_answer answer;
    __u64 opened_ns;               /* of the connection that the packet opens */
    bool masquerades;              /* the decision wants it */
    bool again;                    /* about a connection that exists: names whose time is over count as they did */
    __u8 denial;                   /* WEFT_DENIAL_OPEN: a DNS name may open what was denied */
    struct weft_dns_row name_row;  /* what a name's rule says */
    struct weft_dns_address known; /* what the pod has learned of the destination */
};

/* Who the ends are is not known: for the event of a drop. */
INLINE void forget_ends(struct weft_scratch* s) {
    s->forward.detail.source_identity = 0;
    s->forward.detail.destination_identity = 0;
    s->forward.detail.source_endpoint = 0;
    s->forward.detail.destination_endpoint = 0;
}

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct weft_scratch);
    __uint(max_entries, 1);
} scratch SEC(".maps");

INLINE struct weft_scratch* scratch_of(void) {
    const __u32 zero = 0;
    return bpf_map_lookup_elem(&scratch, &zero);
}
