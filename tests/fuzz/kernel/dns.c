#include "tests/fuzz/kernel/dns.h"

#include <linux/in.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/bpf/lib/dns.h"

#define MAPS 64
#define L4 (ETH_LENGTH + 20)

static struct {
    const void* map;
    __u8* rows;
    size_t bytes;
} memory[MAPS];
static const __u8* packet_bytes;
static __u32 packet_size;
static __u64 clock_ns = 1000 * SECOND_NS;
static struct weft_dns_event event_bytes;

void* kernel_row(const void* map, __u32 index, size_t size, size_t rows) {
    int i = 0;
    while (i < MAPS - 1 && memory[i].map && memory[i].map != map) i++;
    if (!memory[i].map) {
        memory[i].map = map;
        memory[i].bytes = size * rows;
        memory[i].rows = calloc(rows, size);
    }
    if (memory[i].map != map || !memory[i].rows) abort();
    return index < rows ? memory[i].rows + size * index : NULL;
}

long bpf_skb_load_bytes(const void* skb, __u32 offset, void* to, __u32 length) {
    (void)skb;
    if (length == 0) abort(); /* the verifier takes none */
    if (offset > packet_size || length > packet_size - offset) return -1;
    memcpy(to, packet_bytes + offset, length);
    return 0;
}

void* bpf_ringbuf_reserve(void* ring, __u64 size, __u64 flags) {
    (void)ring;
    (void)flags;
    return size == sizeof event_bytes ? &event_bytes : NULL;
}

void bpf_ringbuf_submit(void* data, __u64 flags) {
    (void)data;
    (void)flags;
}

__u64 bpf_ktime_get_ns(void) {
    return clock_ns += 1000;
}

__u64 bpf_ktime_get_boot_ns(void) {
    return clock_ns += 1000;
}

__u64 bpf_jiffies64(void) {
    return clock_ns / 1000000;
}

/* Of what is not DNS: the flow table and fragments, which no test here comes to. */
__u32 bpf_get_prandom_u32(void) {
    abort();
}

long bpf_map_update_elem(void* map, const void* key, const void* value, __u64 flags) {
    (void)map;
    (void)key;
    (void)value;
    (void)flags;
    abort();
}

#define FORGET(name)                                                                                    \
    memset(kernel_row(&(name), 0, sizeof(*(name).value), sizeof(*(name).max_entries) / sizeof(int)), 0, \
           sizeof(*(name).value) * (sizeof(*(name).max_entries) / sizeof(int)))

void kernel_dns_reset(void) {
    FORGET(dns_query_sets);
    FORGET(dns_name_sets);
    FORGET(dns_address_sets);
    FORGET(dns_stream_sets);
    FORGET(dns_counters);
    const __u32 pod = 1;
    struct weft_endpoint* endpoint = bpf_map_lookup_elem(&endpoints, &pod);
    endpoint->ifindex = 7;
}

struct weft_dns_automaton* kernel_dns_automaton(void) {
    const __u32 first = 0;
    return bpf_map_lookup_elem(&dns_automata, &first);
}

void kernel_dns_packet(const __u8* frame, __u32 size, int reply, __u8 tcp_flags) {
    struct weft_scratch* s = scratch_of();
    struct weft_packet* packet = &s->packet;
    memset(packet, 0, sizeof *packet);
    packet_bytes = frame;
    packet_size = size;
    packet->length = size - ETH_LENGTH;
    packet->l4 = L4;
    packet->tcp_flags = tcp_flags;
    packet->segments = 1;
    packet->tuple.protocol = IPPROTO_TCP;
    __u32 address;
    memcpy(&address, frame + ETH_LENGTH + 12, 4);
    ip_set_v4(&packet->tuple.source, address);
    memcpy(&address, frame + ETH_LENGTH + 16, 4);
    ip_set_v4(&packet->tuple.destination, address);
    memcpy(&packet->tuple.source_port, frame + L4, 2);
    memcpy(&packet->tuple.destination_port, frame + L4 + 2, 2);
    struct weft_entry* entry = &s->found;
    memset(entry, 0, sizeof *entry);
    entry->flags = WEFT_FLOW_DNS | (reply ? WEFT_FLOW_REPLY : 0);
    entry->detail.source_endpoint = 1;
    struct __sk_buff skb = {.len = size};
    dns_packet(&skb, s, entry);
}

__u64 kernel_dns_count(enum weft_dns_count what) {
    const __u32 index = what;
    const __u64* counter = bpf_map_lookup_elem(&dns_counters, &index);
    return *counter;
}

__u32 kernel_dns_addresses(struct weft_ip* to, __u32 most) {
    __u32 count = 0;
    for (__u32 set_index = 0; set_index < WEFT_DNS_ADDRESS_SETS; set_index++) {
        const struct weft_dns_set* set = bpf_map_lookup_elem(&dns_address_sets, &set_index);
        for (__u32 way = 0; way < WEFT_DNS_WAYS; way++) {
            if (!set->ways[way].owner) continue;
            const __u32 index = set_index * WEFT_DNS_WAYS + way;
            const struct weft_dns_address* row = bpf_map_lookup_elem(&dns_addresses, &index);
            if (count++ < most) *to++ = row->address;
        }
    }
    return count;
}
