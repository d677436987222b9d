/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The wrapper that restores the packet before every repeat, and the floor that weft is compared with. */
#include "tests/bench/bpf_bench.h"
#include "datapath/abi/control.h"
#include "datapath/bpf/lib/hop.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct bench_header);
    __uint(max_entries, BENCH_HEADERS);
} headers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct bench_state);
    __uint(max_entries, 1);
} state SEC(".maps");

/* weft's own: the loader is given the pinned one. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct weft_control);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
} control SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 1);
} target SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct weft_key4);
    __type(value, struct floor_value);
    __uint(max_entries, 1);
} floor_flows SEC(".maps");

/* Writes the next of `count` headers over the packet's, changes its ports if the row wants a new connection each time,
 * goes on. */
INLINE int restore(struct __sk_buff* ctx, __u32 length) {
    const __u32 zero = 0;
    struct bench_state* s = bpf_map_lookup_elem(&state, &zero);
    if (!s) return TC_ACT_SHOT;
    const __u32 turn = s->turn++;
    const __u32 index = turn & s->mask;
    const struct bench_header* header = bpf_map_lookup_elem(&headers, &index);
    __u8 *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    if (!header || data + length > end) return TC_ACT_SHOT;
    __builtin_memcpy(data, header->bytes, length);
    struct weft_control* now = bpf_map_lookup_elem(&control, &zero);
    if (!now) return TC_ACT_SHOT;
    if (s->fresh == BENCH_STRANGERS) now->generation++;
    if (s->fresh == BENCH_OTHER_SOURCE_PORT)
        *(__u16*)(data + length - 20) = (__u16)(turn * 40503U);
    else if (s->fresh == BENCH_OTHER_DNS_ID)
        *(__u16*)(data + length - 12) = (__u16)turn;
    else if (s->fresh != BENCH_SAME)
        *(__u32*)(data + length - 20) = (turn * 2654435761U) | 0x00800000U; /* never a port that the established use */
    bpf_tail_call(ctx, &target, 0);
    return TC_ACT_SHOT;
}

SEC("tc")
int wrap4(struct __sk_buff* ctx) {
    return restore(ctx, ETH_LENGTH + 20 + 20);
}

SEC("tc")
int wrap6(struct __sk_buff* ctx) {
    return restore(ctx, ETH_LENGTH + 40 + 20);
}

SEC("tc")
int empty(struct __sk_buff* ctx) {
    (void)ctx;
    return TC_ACT_OK;
}

/* The least that forwards a known flow: parse, one hash lookup, counters, TTL, addresses, redirect. */
SEC("tc")
int floor_program(struct __sk_buff* ctx) {
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    struct ethernet* eth = data;
    struct iphdr* ip = data + ETH_LENGTH;
    __be16* ports = (void*)(ip + 1);
    if ((void*)(ports + 2) > end || ip->ihl != 5) return TC_ACT_SHOT;
    const struct weft_key4 key = {.source = ip->saddr,
                                  .destination = ip->daddr,
                                  .source_port = ports[0],
                                  .destination_port = ports[1],
                                  .protocol = ip->protocol};
    struct floor_value* value = bpf_map_lookup_elem(&floor_flows, &key);
    if (!value) return TC_ACT_SHOT;
    value->packets++;
    value->bytes += ctx->len;
    hop4(ip);
    write_macs(eth, value->mac);
    return (int)bpf_redirect_peer(value->ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
