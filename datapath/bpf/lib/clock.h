/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Time for the flow table: coarse, so that it costs a few nanoseconds and not the 30 of bpf_ktime_get_ns. */
#pragma once

#include "datapath/bpf/lib/common.h"

INLINE __u32 ticks_now(void) {
    return (__u32)(bpf_ktime_get_coarse_ns() >> WEFT_TICK_SHIFT);
}

/* Seconds as ticks: a tick is 2^24 ns = 1/59.6 s. */
INLINE __u32 ticks_of_seconds(__u32 seconds) {
    return (__u32)(((__u64)seconds * 1000000000ULL) >> WEFT_TICK_SHIFT);
}
