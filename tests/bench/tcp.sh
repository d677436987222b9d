#!/bin/bash
# Two pods of weft beside two namespaces with a router between them and nothing else: no program, no netfilter rule. One weft node for each
# count of policies, all at once, so that every comparison is of rounds in turn. A round is short and a ratio is the median of the rounds' own
# ratios: what the machine does meanwhile meets both sides. Client and server of TCP_RR and connect/request/close share a CPU: on two, the
# time is that of waking an idle CPU (80 us against 16 here), in which no datapath shows.
set -euo pipefail
. tests/bench/lib.sh
readonly kRounds=51 kSeconds=0.2 kStreamRounds=7 kStreamSeconds=2 kPort=5201 kStreamPort=5301
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
# serve NAME NETNS: the servers. The stream's is on the other CPU than its client.
serve() {
    start "serve-$1" nsenter --net="/run/netns/$2" -- taskset -c 1 "$BUILD/tests/bench/net_bench" serve $kPort
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
        nsenter --net="/run/netns/$netns" -- taskset -c 1 iperf3 --client "$host" --port $kStreamPort --time $kStreamSeconds --json |
            jq '.end.sum_received.bits_per_second / 1e9'
    else
        nsenter --net="/run/netns/$netns" -- taskset -c 1 "$BUILD/tests/bench/net_bench" "$2" "$host" $kPort $kSeconds
    fi
}
# in_turn ROUNDS rr|crr|stream SIDE...: a line a round into the file of each side; every other round goes backwards.
in_turn() {
    local rounds=$1 kind=$2 round side order
    shift 2
    for side in "$@"; do : >"$samples/$side"; done
    for ((round = 0; round < rounds; round++)); do
        order=("$@")
        if ((round % 2)); then mapfile -t order < <(printf '%s\n' "$@" | tac); fi
        for side in "${order[@]}"; do one "$side" "$kind" >>"$samples/$side"; done
    done
}
median_of() { median <"$samples/$1"; }
# The median of the rounds' ratios of two sides.
paired() { paste "$samples/$1" "$samples/$2" | awk '{print $1 / $2}' | median; }

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

# beside_plain ROUNDS KIND NAME UNIT [SENSE BAR]
beside_plain() {
    in_turn "$1" "$2" plain 0
    row "$3" "$(median_of 0)" "$4" "plain routed veth pair: $(median_of plain)" "$(paired 0 plain)" "${@:5}"
}
beside_plain $kRounds rr "TCP_RR, two pods, no policy" /s at-least 1.0
beside_plain $kRounds crr "connect/request/close, two pods, no policy" /s at-least 1.0
beside_plain $kStreamRounds stream "iperf3, one stream, two pods" Gb/s

for kind in rr crr; do
    in_turn $kRounds $kind 1 100 10000
    name=$([ $kind = rr ] && echo TCP_RR || echo connect/request/close)
    for count in 1 100 10000; do row "$name, $count policies in force" "$(median_of $count)" /s; done
    read -r ratio slowest fastest < <(for a in 1 100 10000; do for b in 1 100 10000; do echo "$(paired $a $b) $a $b"; done; done | sort -g | head -n 1)
    row "$name, the slowest of the three ($slowest)" "$(median_of "$slowest")" /s "the fastest ($fastest): $(median_of "$fastest")" "$ratio" at-least 0.95
done
