# A containerd of its own beside whatever the machine runs: its folders under $STATE, its mounts in a private mount namespace,
# its network that of the node, its containers in a namespace (and so a cgroup) named after the node. Sourced after node.sh; bash.
# shellcheck shell=bash

readonly kImage=docker.io/weft/demo:1

# start_containerd [CONFLIST_FILE]: with a file, `ctr run --cni` uses it (ctr reads /etc/cni/net.d and /opt/cni/bin, which are
# replaced in the mount namespace only) and finds weft-cni and the reference plugins.
start_containerd() {
    local dir=$STATE/containerd
    mkdir -p "$dir"/{root,state,bin,net.d,etc,etc.work,opt,opt.work,run} /run/containerd
    if [ $# -gt 0 ]; then
        cp "$1" "$dir/net.d/10-weft.conflist"
        ln -sf "$BUILD/cni/weft-cni" /usr/lib/cni/* "$dir/bin/"
    fi
    cat >"$dir/config.toml" <<END
version = 2
root = "$dir/root"
state = "$dir/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$dir/containerd.sock"
END
    cat >"$dir/enter" <<END
#!/bin/sh -e
# Shims and runc keep their sockets and state under /run/containerd whatever the configuration says.
mount --bind "$dir/run" /run/containerd
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$dir/etc,workdir=$dir/etc.work" /etc
mount -t overlay overlay -o "lowerdir=/opt,upperdir=$dir/opt,workdir=$dir/opt.work" /opt
mkdir -p /etc/cni /opt/cni
rm -rf /etc/cni/net.d /opt/cni/bin
ln -s "$dir/net.d" /etc/cni/net.d
ln -s "$dir/bin" /opt/cni/bin
exec containerd --config "$dir/config.toml"
END
    chmod +x "$dir/enter"
    # slave: network namespaces that are made later are seen inside, nothing mounted inside is seen outside.
    start_in_node containerd unshare --mount --propagation slave "$dir/enter"
    if ! CONTAINER_LIMIT=5 wait_until 20 container version; then
        cat "$STATE/log/containerd" >&2
        return 1
    fi
    "$(dirname "${BASH_SOURCE[0]}")/make_image.py" "$dir/image.tar" "$kImage"
    container images import "$dir/image.tar" >/dev/null
}

# container ARG...: ctr against that containerd, from inside its namespaces; ended after $CONTAINER_LIMIT seconds (30).
container() {
    local status=0
    timeout --foreground --kill-after=2 "${CONTAINER_LIMIT:-30}" \
        nsenter --target "$(cat "$STATE/pid/containerd")" --mount --net -- \
        ctr --address "$STATE/containerd/containerd.sock" --namespace "$NODE" "$@" || status=$?
    [ $status != 124 ] || echo "ctr ${*:1:2}: no answer in ${CONTAINER_LIMIT:-30} s" >&2
    return $status
}

# end_container NAME: kills it and disconnects it from its network. No error when it ended by itself.
end_container() {
    local answer
    answer=$(container tasks kill -s SIGKILL "$1" 2>&1) || case $answer in
        *'not found'*) ;;
        *) printf '%s\n' "$answer" && return 1 ;;
    esac
}

# Ends every container, then containerd, then by force what is still there: a container outlives a containerd that does not answer.
stop_containerd() {
    local CONTAINER_LIMIT=5 name
    if running containerd; then
        for name in $(container tasks list -q); do
            end_container "$name" >&2 || true
            container tasks delete -f "$name" >/dev/null 2>&1 || true
        done
        for name in $(container containers list -q); do
            container containers delete "$name" 2>/dev/null || true
        done
    fi
    stop containerd
    container_processes | xargs -r kill -9 2>/dev/null || true
    wait_until 5 no_container_processes || echo "processes of the containers of $NODE do not end: $(container_processes | paste -sd ' ')" >&2
    find /sys/fs/cgroup -mindepth 1 -maxdepth 3 -depth -regex ".*/$NODE\(/[^/]*\)?" -type d \
        -exec rmdir {} + 2>/dev/null || true
    rmdir /run/containerd 2>/dev/null || true
}

# Process ids of the node's containers (by their cgroup), of their shims and of every ctr (by containerd's address).
container_processes() {
    {
        cat /sys/fs/cgroup/{,*/}"$NODE"/*/cgroup.procs 2>/dev/null
        grep -lsaFf <(printf '%s' "$STATE/containerd/containerd.sock") /proc/[0-9]*/cmdline | cut -d / -f 3
    } | sort -un
}
no_container_processes() { [ -z "$(container_processes)" ]; }
