// libbpf's header's place when the datapath's C is compiled into a test program: maps are memory, the packet is bytes.
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stddef.h>

#define SEC(name)
#define __uint(name, number) int(*name)[number]
#define __type(name, value_type) typeof(value_type)* name
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define __noinline __attribute__((noinline))

// An array's row, zero before it is written, or null behind its end; hashes are empty.
void* kernel_row(const void* map, __u32 index, size_t size, size_t rows);
#define bpf_map_lookup_elem(of, at)                                                                            \
    (sizeof(*(at)) == sizeof(__u32) && sizeof(*(of)->key) == sizeof(__u32)                                     \
         ? kernel_row(of, *(const __u32*)(at), sizeof(*(of)->value), sizeof(*(of)->max_entries) / sizeof(int)) \
         : NULL)
long bpf_skb_load_bytes(const void* skb, __u32 offset, void* to, __u32 length);
void* bpf_ringbuf_reserve(void* ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void* data, __u64 flags);
__u64 bpf_ktime_get_ns(void);
__u64 bpf_ktime_get_boot_ns(void);
__u64 bpf_jiffies64(void);
__u32 bpf_get_prandom_u32(void);
long bpf_map_update_elem(void* map, const void* key, const void* value, __u64 flags);
