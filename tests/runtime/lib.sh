# What the runtime tests share: a node of weft in namespaces of its own, checks that count, flows over HTTP.
# shellcheck shell=bash
# shellcheck disable=SC2034  # NODE, STATE, PINS, BUILD are for deploy/node.sh

# Two runs of one test would clean each other away: the second waits. A test that does not end is asked to (it then cleans up) and
# says where it was.
readonly kWaitForOther=100 kLongest=120 kToCleanUp=60
if [ -z "${WEFT_TEST_ALONE:-}" ]; then
    status=0
    WEFT_TEST_ALONE=1 flock --close --wait $kWaitForOther --conflict-exit-code 99 "/run/lock/weft-$(basename "$0").lock" \
        timeout --foreground --kill-after=$kToCleanUp $kLongest "$0" || status=$?
    [ $status != 99 ] || echo "another run of $0 has not ended within $kWaitForOther s" >&2
    exit $status
fi
trap 'echo "FAILED  not through after $kLongest s, in: $BASH_COMMAND"; failures=$((failures + 1)); exit 1' TERM

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. deploy/lib.sh
. deploy/node.sh
. deploy/containerd.sh

failures=0
# check WHAT COMMAND...: one line a check; the command's output when it fails.
check() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok      $what"
    else
        echo "FAILED  $what: $*"
        printf '%s\n' "$output" | sed 's/^/        /'
        failures=$((failures + 1))
    fi
}
fails() { ! "$@"; }

# begin NAME: the node wt-NAME, cleaned of what a crashed run left, with weftd and hubble-lite (inside the node's namespace, so that
# tests run side by side on one port).
begin() {
    NODE=wt-$1 STATE=/tmp/wt-$1 PINS=/sys/fs/bpf/wt-$1 BUILD=${WEFT_BUILD_DIR:-$PWD/build} HUBBLE_LISTEN=127.0.0.1:4244
    stop_containerd
    node_remove
    trap 'finish_state' EXIT
    node_make
    start_weftd
    start_hubble node
}
finish_state() {
    if [ "$failures" -gt 0 ]; then tail -n 25 "$STATE"/log/*; fi
    stop_containerd
    node_remove
}
# finish: everything away, nothing left; the exit code of the test.
finish() {
    check "the delete queue is empty" test -z "$(find "$STATE/run/delete-queue" -type f -name '[!.]*' 2>/dev/null)"
    trap - EXIT
    finish_state
    check "nothing is left on the machine" test -z "$(node_left)"
    [ "$failures" = 0 ]
}

# The endpoints as weftd lists them, as one JSON array.
endpoints() { weftd_api http://weft/v1/endpoints | jq -c 'if type == "array" then . else .endpoints end'; }
endpoint_count() { [ "$(endpoints | jq length)" = "$1" ]; }
# endpoint_field CONTAINER_ID_SUFFIX JQ_EXPRESSION
endpoint_field() { endpoints | jq -r --arg id "$1" ".[] | select(.container_id | endswith(\$id)) | $2"; }
address4() { endpoint_field "$1" '[.ips[] | if type == "object" then .address else . end | select(contains(":") | not)][0] | split("/")[0]'; }
address6() { endpoint_field "$1" '[.ips[] | if type == "object" then .address else . end | select(contains(":"))][0] | split("/")[0]'; }
set_labels() {
    weftd_api -X PATCH "http://weft/v1/endpoints/$(endpoint_field "$1" .id)/labels" -d "{\"labels\": $2}" >/dev/null
}

# put_object NAME: standard input becomes an object of the directory in one step.
put_object() { cat >"$STATE/objects/.$1" && mv "$STATE/objects/.$1" "$STATE/objects/$1"; }

flows() { node_exec curl -sS --fail --max-time 5 "http://$HUBBLE_LISTEN/v1/flows?last=500&$1"; }
# flow_seen QUERY JQ_CONDITION: whether a flow that the query selects meets the condition, within 3 s.
flow_seen() { wait_until 3 flow_now "$@"; }
flow_now() { flows "$1" | jq -se "any(.[]; .flow != null and ($2))"; }

weft_links() { ip -n "$NODE" -o link | grep -oE 'weft[0-9a-f]{11}'; }

# The policy of every test: pods labelled app=server take TCP 8080 from app=client alone.
put_policy() {
    put_object policy.json <<'END'
{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "default", "name": "server-from-client"},
 "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
  "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}], "ports": [{"protocol": "TCP", "port": 8080}]}]}}
END
    wait_until 5 weftd_api http://weft/v1/policies/NetworkPolicy/default/server-from-client
}
