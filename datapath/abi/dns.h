// What pods have learned of DNS: answers on their way to a pod are read, and what they say of names that policies speak
// of counts for that pod from then on. Written by the datapath, but for `dns_automata` and `dns_rows`, which are
// weftd's. docs/dns.md has the reasons.
//
// A name here is as on the wire (RFC 1035, 3.1): labels behind their lengths, a zero at the end, ASCII in lower case.
#pragma once

#include "datapath/abi/event.h"
#include "datapath/abi/flow.h"
#include "datapath/abi/types.h"

#define WEFT_DNS_PORT 53
#define WEFT_DNS_NAME_BYTES 256       // a name has 255 at most
#define WEFT_DNS_MESSAGE 4096         // bytes of a message that are read; a longer one enters nothing
#define WEFT_DNS_RECORDS 96           // of an answer; with more it enters nothing
#define WEFT_DNS_MIN_TTL 60           // seconds: what a record's time to live is raised to
#define WEFT_DNS_MAX_TTL 86400        // and cut to
#define WEFT_DNS_QUERY_SECONDS 10     // a question waits so long for its answer
#define WEFT_DNS_STREAM_SECONDS 120   // TCP: a connection that is silent so long may lose its place
#define WEFT_DNS_SEGMENT_MESSAGES 16  // TCP: of one packet; behind them nothing more of its connection is read

// The tables of what pods asked and learned are alike: sets of WEFT_DNS_WAYS; of a set the heads of its ways
// stand in one row of `dns_..._sets`, the ways themselves in `dns_...` at set * WEFT_DNS_WAYS + way. Where there is no
// place, the pod that has most of the set loses its oldest way: a pod that floods a table loses its own. If every way
// is another pod's, nothing is entered (WEFT_DNS_NO_PLACE).
#define WEFT_DNS_WAYS 8
#define WEFT_DNS_QUERY_SETS 2048
#define WEFT_DNS_NAME_SETS 1024
#define WEFT_DNS_ADDRESS_SETS 4096
#define WEFT_DNS_STREAM_SETS 128

struct weft_dns_head {
    __u32 sequence;  // odd while the way is written; what refers to a way names the sequence that it had
    __u32 owner;     // weft_dns_owner(); 0: free
    __u32 expires;   // seconds of CLOCK_BOOTTIME; what is over stays until its place is needed
    __u32 check;     // high half of the key's hash
};
struct weft_dns_set {
    struct weft_dns_head ways[WEFT_DNS_WAYS];
};
WEFT_ASSERT(sizeof(struct weft_dns_set) == 128, "the heads of a set are two cache lines");

// Which pod a way belongs to: of its device and its MAC address, so that nothing is left of a pod to the next that gets
// its number or its device. Never 0.
static inline __u32 weft_dns_owner(__u32 ifindex, const __u8* mac) {
    const __u32 low = (__u32)mac[2] << 24 | (__u32)mac[3] << 16 | (__u32)mac[4] << 8 | mac[5];
    const __u32 owner = low ^ ((__u32)mac[0] << 8 | mac[1]) * 0x85ebca6bU ^ ifindex * 0x9e3779b1U;
    return owner ? owner : 1;
}

// A question that waits for its answer.
struct weft_dns_query {
    struct weft_ip resolver;
    __be16 port;  // the pod's
    __be16 id;
    __be16 type;
    __u16 protocol;  // UDP or TCP
    __u64 question;  // hash of the name
    __u64 time_ns;   // CLOCK_MONOTONIC
};
WEFT_ASSERT(sizeof(struct weft_dns_query) == 40, "weft_dns_query has no padding");

// One direction of a TCP connection: where its next message begins, and what is here of it. Followed from the packet on
// that opens the direction, so that nothing inside a message is ever taken for one.
#define WEFT_DNS_STREAM_BYTES (2 + WEFT_DNS_MESSAGE)  // a message behind its length (RFC 1035, 4.2.2)
#define WEFT_DNS_STREAM_PART 256                      // packets are copied in parts, the last whole
struct weft_dns_stream {
    struct weft_key6 tuple;  // as in the packets where they are read
    __u32 next;              // TCP's number of the first byte that is not read: there a message begins
    __u32 filled;            // bytes from there on that are here
    __u32 ahead;       // what is here as well, since it came before what is missing: from there, counted from `next`,
    __u32 ahead_end;   // to there; 0: nothing
    __u8 reserved[6];  // the message is aligned
    __u8 bytes[WEFT_DNS_STREAM_BYTES + WEFT_DNS_STREAM_PART];
};
WEFT_ASSERT(sizeof(struct weft_dns_stream) == 64 + WEFT_DNS_MESSAGE + WEFT_DNS_STREAM_PART,
            "weft_dns_stream has no padding");

// A name that a pod asked for, that some policy speaks of, and that was answered with addresses.
struct weft_dns_name {
    __u8 bytes[WEFT_DNS_NAME_BYTES];
    __u32 length;    // with the zero at the end
    __u32 class_id;  // as the automaton `serial` says; 0: no policy speaks of it any more
    __u32 serial;
    __u32 reserved;  // 0
};

// An address that a pod learned, by the names that gave it.
#define WEFT_DNS_NAMES_OF_ADDRESS 4
struct weft_dns_address {
    struct weft_ip address;
    struct {
        __u32 name;      // index in `dns_names`
        __u32 sequence;  // of its head then: another one now, and the name is another
        __u32 expires;   // 0: free
    } names[WEFT_DNS_NAMES_OF_ADDRESS];
};
WEFT_ASSERT(sizeof(struct weft_dns_address) == 64, "an address is one cache line");

// Map `dns_automata`: array of two. All patterns of names that policies speak of, as one deterministic automaton over a
// name's text: a byte's column, or `dot` between two labels, leads from a state to the next. State 0 is the end of all
// hope. The state behind the last byte has a class: the set of patterns that match. Its number's lowest bit is that of
// the automaton's index, so that what either says stands side by side in `dns_rows`.
#define WEFT_DNS_STATES 65536
#define WEFT_DNS_CELLS 1048576
struct weft_dns_automaton {
    __u32 serial;   // another automaton, another serial; 0: no policy speaks of names
    __u32 columns;  // of a row of `next`
    __u32 start;
    __u32 dot;
    __u8 digest[16];  // of the patterns: what weftd knows it by
    __u8 column_of[256];
    __u16 class_of[WEFT_DNS_STATES];
    __u16 next[WEFT_DNS_CELLS];  // state * columns + column
};

// Map `dns_rows`: hash. What a list of names (WEFT_ROW_NAMES_SHIFT) says of a class of names. Of the classes of an
// address's names the one with the lowest order counts. What a number of a list means never changes while it is used.
#define WEFT_MAX_DNS_ROWS 262144
struct weft_dns_row_key {
    __u32 list;
    __u32 class_id;
};
struct weft_dns_row {
    __u32 rule;
    __u32 verdict;  // as of weft_port_row
    __u32 order;
    __u32 reserved;  // 0
};

// Map `dns_counters`: per-CPU array of __u64.
enum weft_dns_count {
    WEFT_DNS_QUERIES = 0,    // questions that were remembered
    WEFT_DNS_ANSWERS = 1,    // answers to one of them that were read to their end
    WEFT_DNS_ADDRESSES = 2,  // addresses that were entered or kept
    WEFT_DNS_UNASKED = 3,    // answers to nothing that was asked, or with another question
    WEFT_DNS_MALFORMED = 4,  // messages that contradict themselves, or that are cut short or too long: nothing entered
    WEFT_DNS_TRUNCATED = 5,  // answers that say they are not whole: nothing entered
    WEFT_DNS_TOO_MANY = 6,   // answers with more than WEFT_DNS_RECORDS records: nothing entered
    WEFT_DNS_NO_PLACE = 7,   // questions, names, addresses or connections without a place
    WEFT_DNS_UNREAD = 8,     // packets of TCP with something that was not read: what is before it is missing
    WEFT_DNS_COUNTS = 9,
};

// The event of a question (without WEFT_EVENT_REPLY) or of its answer.
#define WEFT_DNS_EVENT_ADDRESSES 16
struct weft_dns_event {
    struct weft_event flow;  // header.length is this struct's
    __u64 latency_ns;        // from the question to its answer
    __u32 ttl;               // the lowest of the records that led to the addresses; seconds, as it was said
    __be16 type;             // of the question
    __u8 rcode;
    __u8 addresses;  // in the answer, up to 255; the first WEFT_DNS_EVENT_ADDRESSES are here
    __u32 class_id;  // of the name; 0: no policy speaks of it
    __u32 name_length;
    __u8 name[WEFT_DNS_NAME_BYTES];
    struct weft_ip address[WEFT_DNS_EVENT_ADDRESSES];
};
WEFT_ASSERT(sizeof(struct weft_dns_event) == 664, "weft_dns_event has no padding");
