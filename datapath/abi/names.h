// Names of programs, maps and files that more than one program uses. All pins stand under one folder (default
// /sys/fs/bpf/weft): maps/NAME, progs/NAME, links/IFNAME@PROGRAM.
#pragma once

#define WEFT_DEFAULT_BPF_DIR "/sys/fs/bpf/weft"
#define WEFT_DEFAULT_RUN_DIR "/run/weft"
#define WEFT_SOCKET_NAME "weftd.sock"     // in the run directory
#define WEFT_DELETE_QUEUE "delete-queue"  // folder in the run directory: one file a DEL that the daemon has not seen

#define WEFT_PROG_FROM_POD "from_pod"
#define WEFT_PROG_TO_POD "to_pod"
#define WEFT_PROG_FROM_NETDEV "from_netdev"
#define WEFT_PROG_AGE_FLOWS "age_flows"
#define WEFT_PROG_READ_CLOCK "read_clock"

#define WEFT_MAP_CONTROL "control"
#define WEFT_MAP_ENDPOINTS "endpoints"
#define WEFT_MAP_ADDR4 "addr4"
#define WEFT_MAP_ADDR6 "addr6"
#define WEFT_MAP_CIDR4 "cidr4"
#define WEFT_MAP_CIDR6 "cidr6"
#define WEFT_MAP_POLICIES "policies"
#define WEFT_MAP_POLICY_CLASSES "policy_classes"
#define WEFT_MAP_PORT_ROWS "port_rows"
#define WEFT_MAP_RULE_COUNTERS "rule_counters"
#define WEFT_MAP_METRICS "metrics"
#define WEFT_MAP_LOST "lost"
#define WEFT_MAP_EVENTS "events"
#define WEFT_MAP_FLOW4 "flow4"
#define WEFT_MAP_FLOW6 "flow6"
#define WEFT_MAP_FLOW4_DETAIL "flow4_detail"
#define WEFT_MAP_FLOW6_DETAIL "flow6_detail"
#define WEFT_MAP_HALF4_DETAIL "half4_detail"
#define WEFT_MAP_HALF6_DETAIL "half6_detail"
#define WEFT_MAP_FLOW4_TAGS "flow4_tags"
#define WEFT_MAP_FLOW6_TAGS "flow6_tags"
#define WEFT_MAP_HALF4 "half4"
#define WEFT_MAP_HALF6 "half6"
#define WEFT_MAP_HALF4_TAGS "half4_tags"
#define WEFT_MAP_HALF6_TAGS "half6_tags"
#define WEFT_MAP_FRAGMENTS "fragments"
#define WEFT_MAP_DENIALS "denials"
#define WEFT_MAP_DECISIONS "decisions"
