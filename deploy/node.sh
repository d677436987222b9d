# A weft node inside network namespaces of its own, on a machine whose network stays as it is. Sourced by deploy/quickstart,
# tests/runtime and tests/bench; bash.
#
#   netns $NODE           the node: weftd, the host ends of the pods, uplink eth0 192.0.2.1/24 2001:db8::1/64
#   netns $NODE-outside   the world: 192.0.2.2, 2001:db8::2, by which the node's default routes go
#   netns $NODE-<pod>     a pod
#   $STATE                run/ (weftd.sock, ...), objects/, log/, pid/
#   $PINS                 pins of eBPF programs and maps
#
# The caller sets NODE, STATE, PINS, BUILD (absolute paths; the build folder of the programs to run).
# shellcheck shell=bash

node_exec() { nsenter --net="/run/netns/$NODE" -- "$@"; }
outside_exec() { nsenter --net="/run/netns/$NODE-outside" -- "$@"; }
pod_exec() {
    local pod=$1
    shift
    nsenter --net="/run/netns/$NODE-$pod" -- "$@"
}

node_make() {
    mkdir -p "$STATE"/{run,objects,log,pid}
    ip netns add "$NODE"
    ip netns add "$NODE-outside"
    ip -n "$NODE" link add eth0 type veth peer name eth0 netns "$NODE-outside"
    local netns suffix=1
    for netns in "$NODE" "$NODE-outside"; do
        nsenter --net="/run/netns/$netns" -- sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
        ip -n "$netns" link set lo up
        ip -n "$netns" addr add "192.0.2.$suffix/24" dev eth0
        ip -n "$netns" addr add "2001:db8::$suffix/64" dev eth0
        ip -n "$netns" link set eth0 up
        suffix=2
    done
    ip -n "$NODE" route add default via 192.0.2.2
    ip -n "$NODE" route add default via 2001:db8::2
    # shellcheck disable=SC2016  # expanded by the inner shell
    node_exec sh -c 'for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 >/proc/sys/net/$f; done'
}

# start NAME PROGRAM [ARG...]: in the background, with its pid and log under $STATE. Prefix it with node_exec's namespace by `start_in`.
start() {
    local name=$1
    shift
    setsid "$@" >"$STATE/log/$name" 2>&1 </dev/null &
    echo $! >"$STATE/pid/$name"
}
start_in_node() {
    local name=$1
    shift
    start "$name" nsenter --net="/run/netns/$NODE" -- "$@"
}

# Whether the process of NAME is there and is no zombie.
running() {
    local pid
    pid=$(cat "$STATE/pid/$1" 2>/dev/null) && [ -d "/proc/$pid" ] && ! grep -qs '^State:.Z' "/proc/$pid/status"
}

# stop NAME: asks, waits at most 5 s, then insists and waits at most 2 s. No error when it is gone.
stop() {
    local pid tries
    pid=$(cat "$STATE/pid/$1" 2>/dev/null) || return 0
    if running "$1"; then
        kill "$pid" 2>/dev/null || true
        for ((tries = 0; tries < 100; tries++)); do
            running "$1" || break
            sleep 0.05
        done
        if running "$1"; then
            echo "$1 (process $pid) does not end when asked; killed" >&2
            kill -9 "$pid" 2>/dev/null || true
            for ((tries = 0; tries < 40; tries++)); do
                running "$1" || break
                sleep 0.05
            done
        fi
    fi
    rm -f "$STATE/pid/$1"
}

# wait_until SECONDS COMMAND...: polls 20 times a second; 1 when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.05
    done
}

weftd_api() { curl -sS --fail-with-body --max-time 10 --unix-socket "$STATE/run/weftd.sock" "$@"; }

# start_weftd [OPTION...] and start_hubble [OPTION...]: return when they answer; on failure print the log.
start_weftd() {
    start_in_node weftd "$BUILD/daemon/weftd" --run-dir "$STATE/run" --bpf-dir "$PINS" --objects "$STATE/objects" "$@"
    wait_until 20 weftd_api http://weft/v1/healthz || {
        cat "$STATE/log/weftd" >&2
        return 1
    }
}
# start_hubble machine|node [OPTION...]: on $HUBBLE_LISTEN of the machine's or of the node's loopback.
start_hubble() {
    local enter=() where=$1
    shift
    if [ "$where" = node ]; then enter=(nsenter --net="/run/netns/$NODE" --); fi
    start hubble-lite "${enter[@]}" "$BUILD/hubble-lite/hubble-lite" --run-dir "$STATE/run" --bpf-dir "$PINS" \
        --listen "$HUBBLE_LISTEN" "$@"
    wait_until 20 "${enter[@]}" curl -sS --fail --max-time 2 "http://$HUBBLE_LISTEN/healthz" || {
        cat "$STATE/log/hubble-lite" >&2
        return 1
    }
}

# weft-cni's part of a network's configuration; a runtime reads it from /etc/cni/net.d as one of "plugins".
weft_plugin() { printf '{"type": "weft-cni", "run_dir": "%s", "bpf_dir": "%s"}' "$STATE/run" "$PINS"; }

# pod_cni VERB POD [CNI_ARGS]: what a runtime does with a sandbox: namespace $NODE-POD, interface eth0, container id = POD.
pod_cni() {
    weft_plugin | jq '. + {cniVersion: "1.0.0", name: "weft"}' |
        CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$NODE-$2 CNI_IFNAME=eth0 CNI_PATH=$BUILD/cni:/usr/lib/cni \
            CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=${POD_NAMESPACE:-default};K8S_POD_NAME=$2${3:+;$3}" \
            timeout --foreground --kill-after=2 60 nsenter --net="/run/netns/$NODE" -- "$BUILD/cni/weft-cni"
}

# pod_add POD: makes its namespace and connects it; prints its IPv4 address.
pod_add() {
    ip netns add "$NODE-$1"
    ip -n "$NODE-$1" link set lo up
    pod_cni ADD "$1" | jq -r 'if .code then error(.msg) else [.ips[].address | select(contains(":") | not)][0] | split("/")[0] end'
}
pod_delete() {
    pod_cni DEL "$1" || true
    ip netns del "$NODE-$1" 2>/dev/null || true
}

# Everything of the node away, whatever state it is in: processes, namespaces (their links with them), pins, files.
node_remove() {
    local name netns
    if [ -d "$STATE/pid" ]; then
        for name in "$STATE"/pid/*; do
            [ -e "$name" ] && stop "$(basename "$name")"
        done
    fi
    for netns in $(ip netns list 2>/dev/null | awk -v node="$NODE" '$1 == node || index($1, node "-") == 1 {print $1}'); do
        ip netns del "$netns" || true
    done
    [ ! -d "$PINS" ] || rm -rf "$PINS"
    rm -rf "$STATE"
}

# What of the node is left, a line each; nothing when it is gone.
node_left() {
    ip netns list 2>/dev/null | awk -v node="$NODE" '$1 == node || index($1, node "-") == 1 {print "network namespace " $1}'
    [ ! -e "$PINS" ] || find "$PINS" | sed 's/^/pin /'
    [ ! -e "$STATE" ] || find "$STATE" | sed 's/^/file /'
    # Processes with this node's folder on their command line (grep itself gets it from a file).
    grep -lsaFf <(printf '%s' "$STATE/") /proc/[0-9]*/cmdline | sed 's|/proc/\([0-9]*\)/cmdline|process \1|'
    ip -o link show type veth | awk '/weft[0-9a-f]{11}/ {print "interface " $2}'
}
