/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What every file of the datapath needs: the kernel's types, the shared layout, a few macros. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "datapath/abi/control.h"
#include "datapath/abi/dns.h"
#include "datapath/abi/endpoint.h"
#include "datapath/abi/event.h"
#include "datapath/abi/flow.h"
#include "datapath/abi/names.h"
#include "datapath/abi/policy.h"
#include "datapath/bpf/lib/verifier.h"

#define INLINE static __always_inline
/* A function that the verifier checks once, by itself, and not again at every call. Its pointers may be null for all it
 * knows. */
#define CHECKED_ONCE __noinline
#define READ_ONCE(x) (*(const volatile typeof(x)*)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x)*)&(x) = (value))
#define barrier() asm volatile("" ::: "memory")
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Two addresses are equal. Both 4-byte aligned, as in every struct of ours. */
INLINE bool ip_equal(const struct weft_ip* a, const struct weft_ip* b) {
    const __u32 *x = (const __u32*)a, *y = (const __u32*)b;
    return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

INLINE bool ip_is_zero(const struct weft_ip* a) {
    const __u32* x = (const __u32*)a;
    return (x[0] | x[1] | x[2] | x[3]) == 0;
}

INLINE __u32 ip_v4(const struct weft_ip* a) {
    return ((const __u32*)a)[3];
}

INLINE void ip_set_v4(struct weft_ip* a, __u32 v4) {
    __u32* x = (__u32*)a;
    x[0] = 0;
    x[1] = 0;
    x[2] = bpf_htonl(0xffff);
    x[3] = v4;
}

INLINE bool ip_is_v4(const struct weft_ip* a) {
    const __u32* x = (const __u32*)a;
    return x[0] == 0 && x[1] == 0 && x[2] == bpf_htonl(0xffff);
}

INLINE void mac_copy(__u8* to, const __u8* from) {
    *(__u32*)to = *(const __u32*)from;
    *(__u16*)(to + 4) = *(const __u16*)(from + 4);
}
