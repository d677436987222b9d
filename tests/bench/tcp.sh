#!/bin/bash
# Two pods of weft beside two namespaces with a router between them and nothing else: no program, no netfilter rule.
set -euo pipefail
. tests/bench/lib.sh
readonly kRounds=7 kSeconds=1.5 kPort=5201 kStreamPort=5301
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

# serve_in NAME NETNS: the servers, on one CPU; the clients get the other.
serve_in() {
    start "serve-$1" nsenter --net="/run/netns/$2" -- taskset -c 0 "$BUILD/tests/bench/net_bench" serve $kPort
    start "iperf-$1" nsenter --net="/run/netns/$2" -- taskset -c 0 iperf3 --server --port $kStreamPort
}
# one SIDE rr|crr|stream
one() {
    local netns=$plain-client host=10.98.0.2
    if [ "$1" = weft ]; then netns=$NODE-client host=$server; fi
    if [ "$2" = stream ]; then
        nsenter --net="/run/netns/$netns" -- taskset -c 1 iperf3 --client "$host" --port $kStreamPort --time 2 --json |
            jq '.end.sum_received.bits_per_second / 1e9'
    else
        nsenter --net="/run/netns/$netns" -- taskset -c 1 "$BUILD/tests/bench/net_bench" "$2" "$host" $kPort $kSeconds
    fi
}
# in_turn rr|crr|stream: medians of both sides into $weft and $peer.
in_turn() {
    local round
    : >"$STATE/weft" && : >"$STATE/plain"
    for ((round = 0; round < kRounds; round++)); do
        if ((round % 2)); then
            one weft "$1" >>"$STATE/weft" && one plain "$1" >>"$STATE/plain"
        else
            one plain "$1" >>"$STATE/plain" && one weft "$1" >>"$STATE/weft"
        fi
    done
    weft=$(median <"$STATE/weft") peer=$(median <"$STATE/plain")
}

remove_plain
bench_node tcp
trap 'node_remove; remove_plain' EXIT
ip netns add $plain
nsenter --net=/run/netns/$plain -- sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
make_plain client 10.98.0.1
make_plain server 10.98.0.2
serve_in plain $plain-server

for name in client server; do pod_add $name >"$STATE/$name.address"; done
server=$(cat "$STATE/server.address")
for name in client server; do
    id=$(weftd_api http://weft/v1/endpoints | jq --arg name $name '(if type == "array" then . else .endpoints end)[] | select(.container_id == $name) | .id')
    tier=$([ $name = server ] && echo t0 || echo client)
    weftd_api -X PATCH "http://weft/v1/endpoints/$id/labels" -d "{\"labels\": {\"tier\": \"$tier\"}}" >/dev/null
done
serve_in weft "$NODE-server"
wait_until 5 one weft rr
wait_until 5 one plain rr

plain_text="plain routed veth pair"
in_turn rr
row "TCP_RR, two pods, no policy" "$weft" /s "$plain_text: $peer" "$(ratio "$weft" "$peer")" at-least 1.0
in_turn crr
row "connect/request/close, two pods, no policy" "$weft" /s "$plain_text: $peer" "$(ratio "$weft" "$peer")" at-least 1.0
in_turn stream
row "iperf3, one stream, two pods" "$weft" Gb/s "$plain_text: $peer" "$(ratio "$weft" "$peer")"

# The spread of weft's own medians over the counts of policies; the plain pair, measured in turn, takes the machine's drift out.
applied=-1
declare -A base
for count in 1 100 10000; do
    apply_policies $((applied + 1)) $((count - 1))
    applied=$((count - 1))
    for kind in rr crr; do
        in_turn $kind
        share=$(ratio "$weft" "$peer")
        name="$([ $kind = rr ] && echo TCP_RR || echo connect/request/close), $count policies in force"
        if [ $count = 1 ]; then
            base[$kind]=$share
            row "$name" "$weft" /s "$plain_text: $peer" "$share"
        else
            row "$name" "$weft" /s "with 1 policy (each as a share of the $plain_text: $share, ${base[$kind]})" \
                "$(ratio "$share" "${base[$kind]}")" at-least 0.95
        fi
    done
done
