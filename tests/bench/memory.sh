#!/bin/bash
# weftd's resident memory on a full node.
set -euo pipefail
. tests/bench/lib.sh

bench_node memory
for ((i = 0; i < 110; i++)); do
    # Labels of the kind that pods have; eleven of each tier, so that policies select and name them.
    jq -cn --arg name "pod$i" --arg tier "t$((i % 10))" --arg role "r$i" '{apiVersion: "v1", kind: "Pod",
        metadata: {namespace: "default", $name, labels: {$tier, $role, app: $name, version: "1"}}}' >"$STATE/objects/.pod$i"
    mv "$STATE/objects/.pod$i" "$STATE/objects/pod$i.json"
    pod_add "pod$i" >/dev/null
done
apply_policies 0 999
kib=$(awk '$1 == "VmRSS:" {print $2}' "/proc/$(cat "$STATE/pid/weftd")/status")
mib=$(awk -v kib="$kib" 'BEGIN {printf "%.1f", kib / 1024}')
row "weftd resident memory, 110 pods, 1,000 policies" "$mib" MiB "" null at-most 40
