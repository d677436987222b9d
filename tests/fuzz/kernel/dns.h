// The datapath's reading of DNS (datapath/bpf/lib/dns.h), compiled for the processor that runs the tests.
#pragma once

#include "datapath/abi/dns.h"

#ifdef __cplusplus
extern "C" {
#endif

// Forgets everything but the automaton.
void kernel_dns_reset(void);
struct weft_dns_automaton* kernel_dns_automaton(void);
// A TCP packet between the pod and its resolver, an IPv4 frame, through the datapath.
void kernel_dns_packet(const __u8* frame, __u32 size, int reply, __u8 tcp_flags);
__u64 kernel_dns_count(enum weft_dns_count what);
// The addresses that the pod knows, up to `most`; how many there are.
__u32 kernel_dns_addresses(struct weft_ip* to, __u32 most);

#ifdef __cplusplus
}
#endif
