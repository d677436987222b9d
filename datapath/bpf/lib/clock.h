/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Time for the flow table: the kernel's tick counter, which the verifier turns into one load. Every call of a function
 * costs its return some nanoseconds where the kernel guards returns (safe RET), and a clock is four calls deep. */
#pragma once

#include "datapath/bpf/lib/maps.h"

INLINE __u32 ticks_now(void) {
    return (__u32)bpf_jiffies64();
}

INLINE __u32 ticks_of_seconds(__u32 seconds) {
    return seconds * constants.ticks_per_second;
}

INLINE __u32 ticks_of_milliseconds(__u32 milliseconds) {
    return (__u32)((__u64)milliseconds * constants.ticks_per_second / 1000);
}
