/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What every router does to a packet: other Ethernet addresses, one hop less. */
#pragma once

#include <linux/ip.h>

#include "datapath/bpf/lib/common.h"

#define ETH_LENGTH 14

struct ethernet {
    __u8 destination[6];
    __u8 source[6];
    __be16 protocol;
} __attribute__((packed));

INLINE void write_macs(struct ethernet* eth, const __u8* destination) {
    static const __u8 gateway[6] = WEFT_GATEWAY_MAC;
    mac_copy(eth->destination, destination);
    mac_copy(eth->source, gateway);
}

/* One hop less; the checksum by RFC 1141 (the TTL is the high byte of its 16-bit word). */
INLINE void hop4(struct iphdr* ip) {
    const __u32 sum = ip->check + (__u32)bpf_htons(0x0100);
    ip->check = (__u16)(sum + (sum >= 0xffff));
    ip->ttl--;
}
