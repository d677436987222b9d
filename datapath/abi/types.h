// Shared by the BPF C and the C++: fixed-width types and the few constants that everything else uses.
// Addresses are 16 bytes in network order, IPv4 as IPv4-mapped (::ffff:a.b.c.d), except where a map key says otherwise.
// Ports in keys and events are in network order where the type is __be16, in host order where it is __u16.
#pragma once

#include <linux/types.h>

#ifdef __cplusplus
#define WEFT_ASSERT(condition, text) static_assert(condition, text)
#else
#define WEFT_ASSERT(condition, text) _Static_assert(condition, text)
#endif

// Raised by any change to a struct or map below that an older program or daemon would misread.
#define WEFT_ABI_VERSION 8

struct weft_ip {
    __u8 b[16];
};

enum weft_direction {
    WEFT_EGRESS = 0,   // leaves the pod that the verdict is about
    WEFT_INGRESS = 1,  // enters it
};

enum weft_verdict {
    WEFT_VERDICT_DENY = 0,
    WEFT_VERDICT_ALLOW = 1,
};

// Identities below 256 are reserved; the numbers are Cilium's, so that programs written for Hubble name them right.
enum weft_identity {
    WEFT_IDENTITY_UNKNOWN = 0,
    WEFT_IDENTITY_HOST = 1,
    WEFT_IDENTITY_WORLD = 2,
    WEFT_IDENTITY_REMOTE_NODE = 6,
    WEFT_IDENTITY_KUBE_APISERVER = 7,
    WEFT_IDENTITY_FIRST_POD = 256,
};

// Class 0 matches only what matches everything (DESIGN 2.2).
#define WEFT_CLASS_UNKNOWN 0

// Every pod's gateway has this address: locally administered, "weft" in ASCII. One value on every host end, so that the
// flow entry need not carry a source address.
#define WEFT_GATEWAY_MAC \
    { 0x02, 0x77, 0x65, 0x66, 0x74, 0x01 }
