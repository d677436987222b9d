#!/bin/bash
# Containers that `ctr run --cni` starts: their network from weft-cni chained with portmap, bandwidth and tuning; reachability, policy
# and flows; nothing left when they end.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
begin ctr

cat >"$STATE/weft.conflist" <<END
{"cniVersion": "1.0.0", "name": "weft", "plugins": [
  $(weft_plugin | jq '. + {attach: "tcx"}'),
  {"type": "portmap", "capabilities": {"portMappings": true}},
  {"type": "bandwidth", "ingressRate": 800000000, "ingressBurst": 80000000},
  {"type": "tuning", "sysctl": {"net.core.somaxconn": "517"}}
]}
END
start_containerd "$STATE/weft.conflist"

# run NAME COMMAND...: in the foreground of a background job, as ctr disconnects only the containers that it waits for.
run() {
    local name=$1
    shift
    CONTAINER_LIMIT=300 container run --cni "$kImage" "$name" "$@" >"$STATE/log/ctr-$name" 2>&1 </dev/null &
}
inside() {
    local name=$1
    shift
    container tasks exec --exec-id "x$RANDOM$RANDOM" "$name" "$@"
}
ask() { inside "$1" timeout 2 wget -q -O - "http://$2/"; }

run server sh -c 'echo served >/tmp/index.html && exec httpd -f -p 8080 -h /tmp'
run client sleep 600
run other sleep 600
check "weftd knows three endpoints" wait_until 20 endpoint_count 3
for name in server client other; do
    check "$name runs" wait_until 10 inside "$name" true
done
server4=$(address4 server) server6=$(address6 server)

check "ping over IPv4" inside client ping -c 1 -W 2 "$server4"
check "ping over IPv6" inside client ping -c 1 -W 2 "$server6"
check "TCP over IPv4" ask client "$server4:8080"
check "TCP over IPv6" ask client "[$server6]:8080"
check "to the world" inside client ping -c 1 -W 2 192.0.2.2
check "from the node" node_exec ping -c 1 -W 2 "$server4"
check "tuning ran after weft-cni" grep -q 517 <(inside client cat /proc/sys/net/core/somaxconn)
check "bandwidth ran after weft-cni" grep -q tbf <(node_exec tc qdisc show)

set_labels server '{"app": "server"}'
set_labels client '{"app": "client"}'
check "the policy is in force" put_policy
check "client is let through" ask client "$server4:8080"
check "other is not" fails ask other "$server4:8080"
check "nor by IPv6" fails ask other "[$server6]:8080"
check "the drop is a flow with the policy's name" flow_seen verdict=DROPPED '.flow.destination.ID != null
    and (.flow.l4.TCP.destination_port == 8080) and (tostring | contains("server-from-client"))'
check "what was let through is a flow with the policy's name" flow_seen verdict=FORWARDED '(.flow.l4.TCP.destination_port == 8080)
    and (tostring | contains("server-from-client"))'

for name in server client other; do check "$name is killed" end_container "$name"; done
check "no endpoint is left when the containers ended" wait_until 15 endpoint_count 0
check "no interface either" fails weft_links
finish
