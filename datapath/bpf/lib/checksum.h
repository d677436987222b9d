/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Internet checksums after a change (RFC 1624: the new sum is ~(~sum + ~from + to)). */
#pragma once

#include "datapath/bpf/lib/common.h"

#define CHECKSUM_UNKNOWN_FLAG (-22) /* -EINVAL */

INLINE __u32 fold64(__u64 sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    return (__u32)((sum & 0xffffffff) + (sum >> 32));
}

/* What a change adds to the sum. */
INLINE __u32 difference32(__u32 from, __u32 to) {
    return fold64((__u64)(__u32)~from + to);
}

INLINE __u32 difference128(const struct weft_ip* from, const struct weft_ip* to) {
    const __u32 *x = (const __u32*)from, *y = (const __u32*)to;
    __u64 sum = 0;
    for (int i = 0; i < 4; i++) sum += (__u64)(__u32)~x[i] + y[i];
    return fold64(sum);
}

INLINE __u16 checksum_changed(__u16 sum, __u32 difference) {
    __u32 next = (__u16)~sum + (difference & 0xffff) + (difference >> 16);
    next = (next & 0xffff) + (next >> 16);
    return (__u16) ~((next & 0xffff) + (next >> 16));
}

/* An IPv6 address changed that the transport checksum at `at` covers. The header has no checksum of its own, so a sum
 * that the device took over the whole packet stays right; kernels that know how to say so are told (6.16, and older
 * ones' stable updates). */
INLINE long checksum_address6(struct __sk_buff* ctx, __u32 at, __u32 difference, __u64 flags) {
    flags |= BPF_F_PSEUDO_HDR;
    const long result = bpf_l4_csum_replace(ctx, at, 0, difference, flags | BPF_F_IPV6);
    return result == CHECKSUM_UNKNOWN_FLAG ? bpf_l4_csum_replace(ctx, at, 0, difference, flags) : result;
}
