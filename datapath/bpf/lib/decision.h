/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the tables said about a connection a moment ago, for the next one between the same two. As sound as a flow
 * entry: it counts for one generation, which weftd raises whenever a row changes that it was made of. */
#pragma once

#include "datapath/bpf/lib/dns_verdict.h"
#include "datapath/bpf/lib/flow_hash.h"
#include "datapath/bpf/lib/policy.h"
#include "datapath/bpf/lib/scratch.h"

INLINE bool has_ports(__u8 protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* The port that policies see: of ICMP the type that opens, of other protocols without ports 0. */
INLINE __be16 policy_port(const struct weft_key6* tuple) {
    return has_ports(tuple->protocol) ? tuple->destination_port : bpf_htons(tuple->icmp_type);
}

INLINE __u32 policy_number(const struct weft_key6* tuple) {
    return (__u32)tuple->protocol << 16 | bpf_ntohs(policy_port(tuple));
}

INLINE struct weft_decision* decision_slot(const struct weft_packet* packet, __u64 seed) {
    const __u64* word = (const __u64*)&packet->tuple;
    const __u64 rest = (__u64)packet->ifindex << 32 | packet->hook;
    __u64 hash = (word[0] ^ seed) * 0x9e3779b97f4a7c15ULL + word[1];
    hash = (hash ^ (hash >> 32)) * 0xbf58476d1ce4e5b9ULL + word[2];
    hash = (hash ^ (hash >> 32)) * 0x94d049bb133111ebULL + word[3];
    const __u32 index = (__u32)mix64(hash + rest) % WEFT_DECISIONS;
    return bpf_map_lookup_elem(&decisions, &index);
}

INLINE bool decision_is_of(const struct weft_decision* decision, const struct weft_packet* packet, __u32 generation) {
    return decision->generation == generation && decision->in_ifindex == packet->ifindex &&
           decision->hook == packet->hook && ip_equal(&decision->source, &packet->tuple.source) &&
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

/* Whether a connection has no events: every rule that let it pass wants none, and there is one. */
INLINE bool is_unlogged(const __u32* rules, __u32 egress, __u32 ingress) {
    if (likely(!((egress | ingress) & WEFT_ROW_UNLOGGED))) return false;
    return (!rules[WEFT_EGRESS] || (egress & WEFT_ROW_UNLOGGED)) &&
           (!rules[WEFT_INGRESS] || (ingress & WEFT_ROW_UNLOGGED));
}

/* What s->policy says about the opening tuple. 0, or the reason with s->rule and s->direction. */
INLINE int check_policies(struct weft_scratch* s) {
    __u32* rules = s->forward.detail.rule;
    const __u32 number = policy_number(&s->opening);
    __u32 egress, ingress = 0;
    rules[WEFT_INGRESS] = 0;
    s->direction = WEFT_EGRESS;
    int reason =
        policy_verdict(s->policy[WEFT_EGRESS], s->peer_class[WEFT_EGRESS], number, &rules[WEFT_EGRESS], &egress);
    if (names_may_decide(s, egress)) {
        reason = verdict_by_name(s, reason, &rules[WEFT_EGRESS], &egress);
        if (reason) s->denial = WEFT_DENIAL_OPEN;
    }
    if (!reason) {
        s->direction = WEFT_INGRESS;
        reason = policy_verdict(s->policy[WEFT_INGRESS], s->peer_class[WEFT_INGRESS], number, &rules[WEFT_INGRESS],
                                &ingress);
    }
    if (reason) s->rule = rules[s->direction == WEFT_INGRESS];
    DETAIL_MARKS(&s->forward.detail) = is_unlogged(rules, egress, ingress) ? WEFT_DETAIL_UNLOGGED : 0;
    return reason;
}

/* One direction of audit_policies. 0, or the reason. */
INLINE int audit_direction(struct weft_scratch* s, __u32 direction, __u8 counts) {
    struct weft_flow_detail* detail = &s->forward.detail;
    const __u32 policy = s->policy[WEFT_AUDIT + direction];
    __u32 rule = detail->rule[direction], flags = 0;
    int reason =
        policy ? policy_verdict(policy, s->peer_class[direction], policy_number(&s->opening), &rule, &flags) : 0;
    if (direction == WEFT_EGRESS && names_may_decide(s, flags)) reason = verdict_by_name(s, reason, &rule, &flags);
    detail->audit_rule[direction] = rule;
    detail->audit_reason = (__u8)reason;
    detail->audit_direction = (__u8)direction;
    if (flags & WEFT_ROW_AUDIT) detail->flags |= counts;
    return reason;
}

/* What the policies would say if those in audit mode were enforced as well, about a connection that is let pass. Never
 * remembered for the next one: only pods with such policies pay for it. */
CHECKED_ONCE int audit_policies(struct weft_scratch* s) {
    if (!s) return 0;
    struct weft_flow_detail* detail = &s->forward.detail;
    detail->flags |= WEFT_DETAIL_AUDITED;
    detail->audit_rule[WEFT_INGRESS] = 0;
    return audit_direction(s, WEFT_EGRESS, WEFT_DETAIL_AUDIT_EGRESS) ||
           audit_direction(s, WEFT_INGRESS, WEFT_DETAIL_AUDIT_INGRESS);
}

/* The rules about the port of the packet: those of the last connection if it was the same, else what the policies say;
 * then the next is compared with this one. */
INLINE int rules_of(struct weft_scratch* s, struct weft_decision* decision) {
    __u32* rules = s->forward.detail.rule;
    const __be16 port = policy_port(&s->packet.tuple);
    if (decision->destination_port == port && decision->protocol == s->packet.tuple.protocol) {
        rules[WEFT_EGRESS] = decision->rule[WEFT_EGRESS];
        rules[WEFT_INGRESS] = decision->rule[WEFT_INGRESS];
        DETAIL_MARKS(&s->forward.detail) = decision->detail_flags;
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        s->policy[i] = decision->policy[i];
        s->peer_class[i] = decision->peer_class[i];
    }
    const int reason = check_policies(s);
    if (reason) return reason;
    decision->destination_port = port;
    decision->protocol = s->packet.tuple.protocol;
    decision->rule[WEFT_EGRESS] = rules[WEFT_EGRESS];
    decision->rule[WEFT_INGRESS] = rules[WEFT_INGRESS];
    decision->detail_flags = s->forward.detail.flags;
    return 0;
}

#define NOT_KNOWN (-1)

/* For a packet that opens a connection: what decide() would answer now, with all that it sets, or NOT_KNOWN. */
INLINE int decided_before(struct weft_scratch* s, const struct weft_control* control) {
    const __u32 generation = READ_ONCE(control->generation);
    struct weft_decision* decision = decision_slot(&s->packet, control->hash_seed);
    if (!decision || !decision_is_of(decision, &s->packet, generation)) return NOT_KNOWN;
    struct weft_flow_detail* detail = &s->forward.detail;
    WAY_COPY(&s->forward, &decision->way[0]);
    WAY_COPY(&s->reply, &decision->way[1]);
    s->forward.generation = generation;
    s->reply.generation = generation;
    detail->created_ns = s->opened_ns;
    detail->source_identity = decision->source_identity;
    detail->destination_identity = decision->destination_identity;
    detail->source_endpoint = decision->source_endpoint;
    detail->destination_endpoint = decision->destination_endpoint;
    const int reason = rules_of(s, decision);
    if (!reason) detail_copy(&s->reply.detail, detail, 0);
    return reason;
}

/* Keeps what decide() said about s->packet, if nothing but weftd's rows went into it: a destination outside is the
 * kernel's routing's affair, and a masquerade port serves one connection. */
INLINE void remember_decision(struct weft_scratch* s, const struct weft_control* control) {
    const struct weft_flow_detail* detail = &s->forward.detail;
    if (detail->destination_endpoint == 0 || s->masquerades || (detail->flags & WEFT_DETAIL_AUDITED)) return;
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
    decision->detail_flags = detail->flags;
    for (int i = 0; i < 2; i++) {
        decision->policy[i] = s->policy[i];
        decision->peer_class[i] = s->peer_class[i];
    }
    WAY_COPY(&decision->way[0], &s->forward);
    WAY_COPY(&decision->way[1], &s->reply);
}
