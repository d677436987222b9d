/* Shared by the benchmark's BPF programs and its C++. */
#pragma once

#include "datapath/abi/types.h"

#define BENCH_HEADERS 65536

struct bench_header {
    __u8 bytes[128]; /* a frame's first bytes: Ethernet, IP, TCP */
};

enum bench_fresh {
    BENCH_SAME = 0,
    BENCH_OTHER_PORTS = 1,       /* every time */
    BENCH_OTHER_SOURCE_PORT = 2, /* every time */
    BENCH_OTHER_DNS_ID = 4,      /* every time; UDP */
    BENCH_STRANGERS = 3,         /* other ports and another generation: nothing is remembered of these two pods */
};

struct bench_state {
    __u32 turn;
    __u32 mask;  /* headers in use minus one */
    __u32 fresh; /* enum bench_fresh */
    __u32 reserved;
};

struct floor_value {
    __u64 packets;
    __u64 bytes;
    __u32 ifindex;
    __u8 mac[6];
    __u16 reserved;
};
