#!/usr/bin/env python3
"""layout.py: the rules of the house that a compiler does not check. Prints each breach as file:line: text; exit 1 if any.

Include directions, length of files, unfinished work, licence lines of what is loaded into the kernel.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
LONGEST = 400
KERNEL_LICENCE = "SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause"

# folder -> what it may include of ours. The longest folder that a file lies in counts.
MAY_INCLUDE = {
    "common": ["common"],
    "datapath/abi": ["datapath/abi"],
    "datapath/bpf": ["datapath/bpf", "datapath/abi"],
    "datapath/loader": ["common", "datapath/abi", "datapath/loader"],
    "policy": ["common", "policy"],
    "cni": ["common", "datapath/abi", "datapath/loader", "cni"],
    "hubble-lite": ["common", "datapath/abi", "datapath/loader", "hubble-lite"],
    "cli": ["common", "datapath/abi", "policy", "cli"],
    "daemon": ["common", "datapath/abi", "datapath/loader", "policy", "daemon"],
}
# Inside the daemon: api, watch -> reconcile -> maps -> loader, never back.
MAY_NOT_INCLUDE = {
    "daemon/reconcile": ["daemon/api", "daemon/watch"],
    "daemon/maps": ["daemon/api", "daemon/watch", "daemon/reconcile"],
    "daemon/watch": ["daemon/api"],
}
# System headers by who may use them: (pattern, folders, why).
SYSTEM = [
    (r"bpf/(libbpf|bpf|btf)\.h", ["datapath/loader", "tests"], "only the loader calls libbpf"),
    (r"netlink/", ["cni/net", "daemon/net", "daemon/node", "datapath/loader", "tests"], "libnl stays where links and filters are made"),
]
# policy/ knows no kernel struct, descriptor, socket or clock.
IMPURE = re.compile(r"<(linux|bpf|netlink|sys|arpa|netinet)/|<(unistd|fcntl|time)\.h>|<(chrono|ctime|fstream|thread)>")
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def under(path, folder):
    return path.startswith(folder + "/")


def include_breaches(path, line):
    found = INCLUDE.match(line)
    if not found:
        return
    own, system = found.groups()
    if own:
        target = own if "/" in own else os.path.join(os.path.dirname(path), own)
        homes = [folder for folder in MAY_INCLUDE if under(path, folder)]
        allowed = MAY_INCLUDE[max(homes, key=len)] if homes else None
        known = any(under(target, folder) for folder in MAY_INCLUDE)
        if allowed and known and not any(under(target, folder) for folder in allowed):
            yield f"{path} may not include {own}"
        for folder, forbidden in MAY_NOT_INCLUDE.items():
            if under(path, folder) and any(under(target, other) for other in forbidden):
                yield f"{folder} may not include {own}: dependencies point one way"
    else:
        for pattern, folders, why in SYSTEM:
            kernel_side = under(path, "datapath/bpf")
            if re.match(pattern, system) and not kernel_side and not any(under(path, folder) for folder in folders):
                yield f"<{system}>: {why}"
    if under(path, "policy") and IMPURE.search(line):
        yield f"policy is pure: {line.strip()}"


def breaches(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as source:
        lines = source.read().splitlines()
    is_code = path.endswith((".c", ".h", ".cpp", ".hpp", ".py", ".sh")) or (lines and lines[0].startswith("#!"))
    if is_code and len(lines) > LONGEST:
        yield 1, f"{len(lines)} lines; {LONGEST} is the limit, two files are easier to live in"
    if path.startswith("datapath/bpf/") and path.endswith((".c", ".h")) and KERNEL_LICENCE not in "\n".join(lines[:3]):
        yield 1, f"a file of the eBPF object begins with `{KERNEL_LICENCE}`"
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line) and path != os.path.relpath(os.path.abspath(__file__), ROOT):
            yield number, "unfinished work: " + line.strip()
        if path.endswith((".c", ".h", ".cpp", ".hpp")):
            for text in include_breaches(path, line):
                yield number, text


def main():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    files = [path for path in files if os.path.isfile(os.path.join(ROOT, path)) and path != "LICENSE"]
    if len(files) < 50:
        sys.exit("git ls-files names too few files: is this the checkout?")
    bad = [f"{path}:{number}: {text}" for path in files for number, text in breaches(path)]
    print("\n".join(bad))
    print(f"{len(files)} files, {len(bad)} breaches")
    sys.exit(1 if bad else 0)


main()
