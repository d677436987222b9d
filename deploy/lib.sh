# Shared by deploy/quickstart and tests/run: packages, bpffs, configure and build. Sourced by bash; sets nothing but functions.
# shellcheck shell=bash

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# need_root NAME
need_root() { [ "$(id -u)" = 0 ] || die "$1 works with network namespaces and eBPF: run it as root"; }

# install_packages GROUP...: what is missing of these groups of deploy/packages.txt. Nothing missing: no apt at all.
install_packages() {
    local list package missing=()
    list=$(awk -v groups=" $* " '!/^#/ && index(groups, " " $1 " ") {print $2}' "$(dirname "${BASH_SOURCE[0]}")/packages.txt")
    for package in $list; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    # RUNLEVEL=1: packages with a service (containerd) must not start it.
    export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
    apt-get update -qq || die "apt-get update failed"
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || die "apt-get install failed"
}

# The eBPF pins live here; a container or a minimal boot may lack it.
mount_bpffs() {
    mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || die "cannot mount bpffs on /sys/fs/bpf"
}

# configure_build BUILD_DIR [cmake option...]: quick when nothing changed.
configure_build() {
    local build=$1
    shift
    local source
    source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    cmake -G Ninja -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo "$@" >"$build.log" 2>&1 ||
        { cat "$build.log" >&2; die "cmake failed (whole log above)"; }
    rm -f "$build.log"
}

# build_targets BUILD_DIR [target...]: progress on one line when it is a terminal, the errors whole.
build_targets() {
    local build=$1
    shift
    # ccache finds the same file again in another checkout.
    CCACHE_BASEDIR=$(pwd) CCACHE_NOHASHDIR=1 NINJA_STATUS='    [%f/%t %es] ' ninja -C "$build" "$@" || die "the build failed"
}
