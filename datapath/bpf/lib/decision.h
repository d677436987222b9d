/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the tables said about a connection a moment ago, for the next one between the same two pods to the same port. As
 * sound as a flow entry: it counts for one generation, which weftd raises whenever a row changes that it was made of.
 */
#pragma once

#include "datapath/bpf/lib/flow_hash.h"
#include "datapath/bpf/lib/scratch.h"

INLINE bool has_ports(__u8 protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* The port that policies see: an echo's id is none. */
INLINE __be16 policy_port(const struct weft_key6* tuple) {
    return has_ports(tuple->protocol) ? tuple->destination_port : 0;
}

INLINE struct weft_decision* decision_slot(const struct weft_packet* packet, __u64 seed) {
    const __u64* word = (const __u64*)&packet->tuple;
    const __u64 rest = (__u64)packet->ifindex << 32 | (__u32)packet->hook << 24 | (__u32)packet->tuple.protocol << 16 |
                       policy_port(&packet->tuple);
    __u64 hash = (word[0] ^ seed) * 0x9e3779b97f4a7c15ULL + word[1];
    hash = (hash ^ (hash >> 32)) * 0xbf58476d1ce4e5b9ULL + word[2];
    hash = (hash ^ (hash >> 32)) * 0x94d049bb133111ebULL + word[3];
    const __u32 index = (__u32)mix64(hash + rest) % WEFT_DECISIONS;
    return bpf_map_lookup_elem(&decisions, &index);
}

INLINE bool decision_is_of(const struct weft_decision* decision, const struct weft_packet* packet, __u32 generation) {
    return decision->generation == generation && decision->in_ifindex == packet->ifindex &&
           decision->hook == packet->hook && decision->protocol == packet->tuple.protocol &&
           decision->destination_port == policy_port(&packet->tuple) &&
           ip_equal(&decision->source, &packet->tuple.source) &&
           ip_equal(&decision->destination, &packet->tuple.destination);
}

#define WAY_COPY(to, from)                       \
    do {                                         \
        (to)->in_ifindex = (from)->in_ifindex;   \
        (to)->out_ifindex = (from)->out_ifindex; \
        mac_copy((to)->mac, (from)->mac);        \
        (to)->action = (from)->action;           \
        (to)->flags = (from)->flags;             \
    } while (0)

/* s->forward, s->reply and s->answering as decide() would make them now, for a packet that opens a connection. False:
 * not known. */
INLINE bool decided_before(struct weft_scratch* s, const struct weft_control* control) {
    const __u32 generation = READ_ONCE(control->generation);
    const struct weft_decision* decision = decision_slot(&s->packet, control->hash_seed);
    if (!decision || !decision_is_of(decision, &s->packet, generation)) return false;
    struct weft_flow_detail* detail = &s->forward.detail;
    WAY_COPY(&s->forward, &decision->way[0]);
    WAY_COPY(&s->reply, &decision->way[1]);
    s->forward.generation = generation;
    s->reply.generation = generation;
    detail->created_ns = s->opened_ns;
    detail->rule[WEFT_EGRESS] = decision->rule[WEFT_EGRESS];
    detail->rule[WEFT_INGRESS] = decision->rule[WEFT_INGRESS];
    detail->source_identity = decision->source_identity;
    detail->destination_identity = decision->destination_identity;
    detail->source_endpoint = decision->source_endpoint;
    detail->destination_endpoint = decision->destination_endpoint;
    detail_copy(&s->reply.detail, detail, 0);
    return true;
}

/* Keeps what decide() said about s->packet, if nothing but weftd's rows went into it: a destination outside is the
 * kernel's routing's affair, and a masquerade port serves one connection. */
INLINE void remember_decision(struct weft_scratch* s, const struct weft_control* control) {
    const struct weft_flow_detail* detail = &s->forward.detail;
    if (detail->destination_endpoint == 0 || s->masquerades) return;
    struct weft_decision* decision = decision_slot(&s->packet, control->hash_seed);
    if (!decision) return;
    decision->source = s->packet.tuple.source;
    decision->destination = s->packet.tuple.destination;
    decision->destination_port = policy_port(&s->packet.tuple);
    decision->protocol = s->packet.tuple.protocol;
    decision->hook = s->packet.hook;
    decision->in_ifindex = s->packet.ifindex;
    decision->generation = s->forward.generation;
    decision->source_identity = detail->source_identity;
    decision->destination_identity = detail->destination_identity;
    decision->source_endpoint = detail->source_endpoint;
    decision->destination_endpoint = detail->destination_endpoint;
    decision->rule[WEFT_EGRESS] = detail->rule[WEFT_EGRESS];
    decision->rule[WEFT_INGRESS] = detail->rule[WEFT_INGRESS];
    WAY_COPY(&decision->way[0], &s->forward);
    WAY_COPY(&decision->way[1], &s->reply);
}
