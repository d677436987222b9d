/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One direction's decision without its family: what the slow path makes and the flow tables keep. */
#pragma once

#include "datapath/bpf/lib/common.h"

struct weft_entry {
    __u32 generation;
    __u32 in_ifindex;
    __u32 out_ifindex;
    __u8 mac[6];
    __u8 action;
    __u8 flags;
    __u32 padding;
    struct weft_flow_detail detail;
    __u64 packets;
    __u64 bytes;
};
