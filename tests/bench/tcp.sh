#!/bin/bash
# Two pods of weft beside two namespaces with a router between them and nothing else: no program, no netfilter rule. One weft node for each
# count of policies, all at once, so that every comparison is of rounds in turn.
set -euo pipefail
. tests/bench/lib.sh
readonly kRounds=11 kSeconds=1 kPort=5201 kStreamPort=5301
plain=wt-bench-plain

remove_plain() {
    local netns
    for netns in $plain $plain-client $plain-server; do ip netns del "$netns" 2>/dev/null || true; done
}
# The same shape as weft's: each end a veth pair into the router's namespace, addresses of full length, no neighbour traffic.
make_plain() {
    local name=$1 address=$2
    ip netns add "$plain-$name"
    ip -n $plain link add "$name" type veth peer name eth0 netns "$plain-$name"
    ip -n $plain link set "$name" up
    ip -n "$plain-$name" addr add "$address/32" dev eth0
    ip -n "$plain-$name" link set lo up
    ip -n "$plain-$name" link set eth0 up
    ip -n "$plain-$name" route add 169.254.1.1 dev eth0
    ip -n "$plain-$name" route add default via 169.254.1.1
    ip -n $plain route add "$address" dev "$name"
    ip -n "$plain-$name" neigh add 169.254.1.1 dev eth0 lladdr "$(ip -n $plain -j link show "$name" | jq -r '.[0].address')"
    ip -n $plain neigh add "$address" dev "$name" lladdr "$(ip -n "$plain-$name" -j link show eth0 | jq -r '.[0].address')"
}

# The weft node with COUNT policies; the functions of deploy/node.sh then speak of it.
select_node() { NODE=wt-bench-tcp$1 STATE=/tmp/wt-bench-tcp$1 PINS=/sys/fs/bpf/wt-bench-tcp$1; }
remove_all() {
    local count
    for count in "${kCounts[@]}"; do select_node "$count" && node_remove; done
    remove_plain
}
# serve NAME NETNS: the servers, on one CPU; the clients get the other.
serve() {
    start "serve-$1" nsenter --net="/run/netns/$2" -- taskset -c 0 "$BUILD/tests/bench/net_bench" serve $kPort
    start "iperf-$1" nsenter --net="/run/netns/$2" -- taskset -c 0 iperf3 --server --port $kStreamPort
}
label() {
    local id
    id=$(weftd_api http://weft/v1/endpoints | jq --arg name "$1" '(if type == "array" then . else .endpoints end)[] | select(.container_id == $name) | .id')
    weftd_api -X PATCH "http://weft/v1/endpoints/$id/labels" -d "{\"labels\": {\"tier\": \"$2\"}}" >/dev/null
}
make_weft() {
    select_node "$1"
    node_make
    start_weftd
    pod_add client >/dev/null
    pod_add server >"$STATE/server.address"
    label client client
    label server t0
    apply_policies 0 $(($1 - 1))
    serve weft "$NODE-server"
}

# one plain|COUNT rr|crr|stream
one() {
    local netns=$plain-client host=10.98.0.2
    if [ "$1" != plain ]; then netns=wt-bench-tcp$1-client host=$(cat "/tmp/wt-bench-tcp$1/server.address"); fi
    if [ "$2" = stream ]; then
        nsenter --net="/run/netns/$netns" -- taskset -c 1 iperf3 --client "$host" --port $kStreamPort --time 2 --json |
            jq '.end.sum_received.bits_per_second / 1e9'
    else
        nsenter --net="/run/netns/$netns" -- taskset -c 1 "$BUILD/tests/bench/net_bench" "$2" "$host" $kPort $kSeconds
    fi
}
# in_turn rr|crr|stream SIDE...: the median of each side into result[SIDE]; every other round goes backwards.
declare -A result
in_turn() {
    local kind=$1 round side order
    shift
    for side in "$@"; do : >"$samples/$side"; done
    for ((round = 0; round < kRounds; round++)); do
        order=("$@")
        if ((round % 2)); then mapfile -t order < <(printf '%s\n' "$@" | tac); fi
        for side in "${order[@]}"; do one "$side" "$kind" >>"$samples/$side"; done
    done
    for side in "$@"; do result[$side]=$(median <"$samples/$side"); done
}

readonly kCounts=(0 1 100 10000)
samples=$(mktemp -d)
remove_all
trap 'remove_all; rm -rf "$samples"' EXIT
ip netns add $plain
nsenter --net=/run/netns/$plain -- sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
make_plain client 10.98.0.1
make_plain server 10.98.0.2
for count in "${kCounts[@]}"; do make_weft "$count"; done
serve plain $plain-server # its pid and log are beside the last node's
for side in plain "${kCounts[@]}"; do wait_until 5 one "$side" rr; done

beside_plain() {
    in_turn "$1" plain 0
    row "$2" "${result[0]}" "$3" "plain routed veth pair: ${result[plain]}" "$(ratio "${result[0]}" "${result[plain]}")" "${@:4}"
}
beside_plain rr "TCP_RR, two pods, no policy" /s at-least 1.0
beside_plain crr "connect/request/close, two pods, no policy" /s at-least 1.0
beside_plain stream "iperf3, one stream, two pods" Gb/s

for kind in rr crr; do
    in_turn $kind 1 100 10000
    name=$([ $kind = rr ] && echo TCP_RR || echo connect/request/close)
    for count in 1 100 10000; do row "$name, $count policies in force" "${result[$count]}" /s; done
    read -r lowest highest < <(printf '%s\n' "${result[1]}" "${result[100]}" "${result[10000]}" | sort -g | sed -n '1p;$p' | xargs)
    row "$name, the slowest of the three" "$lowest" /s "the fastest: $highest" "$(ratio "$lowest" "$highest")" at-least 0.95
done
