# Shared by the benchmark suites: rows, medians, the node. Sourced by bash from the root of the checkout; BUILD is set.
# shellcheck shell=bash
# shellcheck disable=SC2034  # NODE, STATE, PINS are for deploy/node.sh

. deploy/lib.sh
. deploy/node.sh

# row NAME VALUE UNIT [AGAINST RATIO [at-least|at-most BAR]]: one JSON row on standard output. AGAINST is a text.
row() {
    jq -cn --arg name "$1" --argjson value "$2" --arg unit "$3" --arg against "${4:-}" --argjson ratio "${5:-null}" \
        --arg sense "${6:-}" --argjson bar "${7:-null}" '
        {$name, $value, $unit, against: (if $against == "" then null else $against end), $ratio,
         bar: (if $bar == null then null else ($sense | sub("-"; " ")) + " " + ($bar | tostring) end),
         holds: (if $bar == null then null else (($ratio // $value) as $got
            | if $sense == "at-least" then $got >= $bar else $got <= $bar end) end)}'
}
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.4f", a / b}'; }

# bench_node NAME [OPTION of weftd...]: a weft node that is removed at the end.
bench_node() {
    NODE=wt-bench-$1 STATE=/tmp/wt-bench-$1 PINS=/sys/fs/bpf/wt-bench-$1
    shift
    node_remove
    trap node_remove EXIT
    node_make
    start_weftd "$@"
}

# policies FIRST LAST: a List of NetworkPolicies. One in a hundred isolates the pods labelled tier=t0 (the benchmark's server is one);
# every one names peers and ports of its own; the first lets all TCP of the benchmark through.
policies() {
    jq -cn --argjson first "$1" --argjson last "$2" '
        {apiVersion: "v1", kind: "List", items: [range($first; $last + 1) | {
            apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: {namespace: "default", name: "p\(.)"},
            spec: {podSelector: {matchLabels: {tier: "t\(. % 100)"}}, policyTypes: ["Ingress"],
                ingress: [if . == 0 then {from: [{podSelector: {matchLabels: {tier: "client"}}}]}
                    else {from: [{podSelector: {matchLabels: {role: "r\(. % 500)"}}}], ports: [{protocol: "TCP", port: (20000 + . % 10000)}]} end]}}]}'
}
# apply_policies FIRST LAST: in lists of 1,000, each in force when this returns.
apply_policies() {
    local from=$1
    while [ "$from" -le "$2" ]; do
        policies "$from" $((from + 999 < $2 ? from + 999 : $2)) |
            weftd_api --max-time 120 -X POST http://weft/v1/policies -H 'Content-Type: application/json' --data-binary @- >/dev/null
        from=$((from + 1000))
    done
}
