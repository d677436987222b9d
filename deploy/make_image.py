#!/usr/bin/env python3
"""make_image.py OUT.tar NAME:TAG [HOST_FILE=/PATH/IN/IMAGE ...]: a container image of Debian's static busybox, without any network.

The form is that of `docker save` (manifest.json, a config, one layer), which `ctr images import` and `podman load` both read.
"""
import hashlib
import io
import json
import sys
import tarfile

APPLETS = ["sh", "sleep", "ping", "nc", "ip", "cat", "echo", "wget", "httpd", "true", "timeout", "seq"]


def add(tar, name, content=b"", mode=0o755, **fields):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(content))


def layer(extra):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "proc", "sys", "dev"):
            add(tar, folder, type=tarfile.DIRTYPE)
        with open("/bin/busybox", "rb") as program:
            add(tar, "bin/busybox", program.read())
        for applet in APPLETS:
            add(tar, "bin/" + applet, type=tarfile.SYMTYPE, linkname="busybox")
        add(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", 0o644)
        add(tar, "etc/group", b"root:x:0:\n", 0o644)
        for pair in extra:
            source, _, target = pair.partition("=")
            with open(source, "rb") as content:
                add(tar, target.lstrip("/"), content.read())
    return data.getvalue()


def main(out, reference, *extra):
    rootfs = layer(extra)
    digest = hashlib.sha256(rootfs).hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "3600"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
    }).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": [digest + "/layer.tar"]}]).encode()
    with tarfile.open(out, "w") as tar:
        add(tar, name, config, 0o644)
        add(tar, digest + "/layer.tar", rootfs, 0o644)
        add(tar, "manifest.json", manifest, 0o644)


main(*sys.argv[1:])
