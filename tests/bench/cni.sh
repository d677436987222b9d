#!/bin/bash
# weft-cni beside the reference plugins ptp + host-local, as whole processes. IPv4 alone in both: with IPv6 the reference waits
# a second and more for duplicate address detection, which weft switches off, and nothing else would be seen.
set -euo pipefail
. tests/bench/lib.sh
readonly kPods=100 kPort=5202

remove_pods() {
    local netns
    for netns in $(ip netns list 2>/dev/null | awk '$1 ~ /^wt-benchpod-/ {print $1}'); do ip netns del "$netns"; done
}
remove_pods
bench_node cni --pod-cidr6 none --pod-cidr4 10.244.0.0/16
trap 'remove_pods; node_remove' EXIT
for ((i = 1; i <= kPods; i++)); do ip netns add wt-benchpod-$i; done

weft_plugin | jq -c '. + {cniVersion: "1.0.0", name: "weft"}' >"$STATE/weft.conf"
# ptp's own namespace-wide work (ip_forward) and host-local's files are what a node of the reference pays too; no masquerade in either.
jq -cn --arg dir "$STATE/host-local" '{cniVersion: "1.0.0", name: "ref", type: "ptp", ipMasq: false,
    ipam: {type: "host-local", dataDir: $dir, ranges: [[{subnet: "10.97.0.0/16"}]], routes: [{dst: "0.0.0.0/0"}]}}' >"$STATE/ptp.conf"
weft=("$BUILD/cni/weft-cni" "$STATE/weft.conf") ptp=(/usr/lib/cni/ptp "$STATE/ptp.conf")

# Both run on a node that has a pod. The kernel patches its own code for the first filter of the machine and back after the
# last one, which stops every CPU: that belongs to the first pod of a node, not to each.
readonly kStanding=$((kPods + 1))
add_standing() {
    CNI_COMMAND=ADD CNI_CONTAINERID=standing CNI_NETNS=/run/netns/wt-benchpod-$kStanding CNI_IFNAME=$3 CNI_PATH=/usr/lib/cni \
        node_exec "$1" <"$2" >"$STATE/standing.json"
}
ip netns add wt-benchpod-$kStanding
add_standing "${weft[@]}" eth0
add_standing "${ptp[@]}" eth1

read -r weft_add weft_del ptp_add ptp_del < <(node_exec "$BUILD/tests/bench/cni_bench" turn 100 wt-benchpod "${weft[@]}" "${ptp[@]}")
row "CNI ADD, whole process, median of 100" "$weft_add" us "ptp + host-local: $ptp_add" "$(ratio "$weft_add" "$ptp_add")" at-most 0.25
row "CNI DEL, whole process, median of 100" "$weft_del" us "ptp + host-local: $ptp_del" "$(ratio "$weft_del" "$ptp_del")" at-most 1.0

start_in_node serve "$BUILD/tests/bench/net_bench" serve $kPort
: >"$STATE/storm.weft" && : >"$STATE/storm.ptp"
for _ in 1 2 3; do
    node_exec "$BUILD/tests/bench/cni_bench" storm $kPods wt-benchpod "${ptp[@]}" 192.0.2.1 $kPort >>"$STATE/storm.ptp"
    node_exec "$BUILD/tests/bench/cni_bench" storm $kPods wt-benchpod "${weft[@]}" 192.0.2.1 $kPort >>"$STATE/storm.weft"
done
weft_storm=$(median <"$STATE/storm.weft") ptp_storm=$(median <"$STATE/storm.ptp")
row "100 pods at once, until the last one's first packet is answered" "$weft_storm" ms "ptp + host-local: $ptp_storm" \
    "$(ratio "$weft_storm" "$ptp_storm")"
