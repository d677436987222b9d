#!/bin/bash
# Containers that podman starts through its CNI backend: reachability by name of the Pod object, a published port through portmap,
# policy and flows; nothing left when they are removed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
begin podman

dir=$STATE/podman
mkdir -p "$dir"/{root,run,tmp,net.d}
cat >"$dir/net.d/10-weft.conflist" <<END
{"cniVersion": "0.4.0", "name": "weft", "plugins": [$(weft_plugin), {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
cat >"$dir/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$dir/tmp"
[network]
network_backend = "cni"
cni_plugin_dirs = ["$BUILD/cni", "/usr/lib/cni"]
network_config_dir = "$dir/net.d"
END
podman_here() {
    CONTAINERS_CONF=$dir/containers.conf node_exec timeout --foreground --kill-after=2 60 podman --root "$dir/root" --runroot "$dir/run" --storage-driver vfs \
        --cgroup-manager cgroupfs "$@"
}
run() {
    local name=$1
    shift
    podman_here run --detach --network weft --name "$name" "$@"
}
ask() { podman_here exec "$1" timeout 2 wget -q -O - "http://$2/"; }
put_pod() {
    put_object "pod-$1.json" <<<"{\"apiVersion\": \"v1\", \"kind\": \"Pod\",
        \"metadata\": {\"namespace\": \"default\", \"name\": \"$1\", \"labels\": {\"app\": \"$1\"}}}"
}
remove_containers() { podman_here rm --all --force --time 0; }
trap 'remove_containers >/dev/null 2>&1; finish_state' EXIT

deploy/make_image.py "$dir/image.tar" "$kImage"
check "the image loads" podman_here load -i "$dir/image.tar"
for name in server client other; do put_pod "$name"; done
check "server starts" run server --publish 18080:8080 "$kImage" sh -c \
    'echo served >/tmp/index.html && exec httpd -f -p 8080 -h /tmp'
check "client starts" run client "$kImage" sleep 600
check "other starts" run other "$kImage" sleep 600
check "weftd knows three endpoints" endpoint_count 3
id_of() { podman_here inspect --format '{{.Id}}' "$1"; }
server4=$(address4 "$(id_of server)")

check "ping" podman_here exec client ping -c 1 -W 2 "$server4"
check "TCP" ask client "$server4:8080"
check "to the world" podman_here exec client ping -c 1 -W 2 192.0.2.2
check "the published port, from outside" outside_exec curl -sS --fail --max-time 3 http://192.0.2.1:18080/

for name in server client other; do set_labels "$(id_of "$name")" "{\"app\": \"$name\"}"; done
check "the policy is in force" put_policy
check "client is let through" ask client "$server4:8080"
check "other is not" fails ask other "$server4:8080"
check "the drop is a flow with the policy's name" flow_seen verdict=DROPPED 'tostring | contains("server-from-client")'

check "podman removes the containers" remove_containers
check "no endpoint is left" wait_until 5 endpoint_count 0
check "no interface either" fails weft_links
podman_here rmi --all --force >/dev/null 2>&1 || true
finish
