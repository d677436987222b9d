#!/usr/bin/env python3
"""bpf_stack.py OBJECT: no chain of calls in the BPF object needs more stack than kernel 6.1 gives.

6.1 rounds each function's frame up to 32 bytes and allows 512 in all (newer kernels round to 16): a build that loads on the machine's own kernel may be refused
there, which `tests/run kernel` would only find half an hour later.
"""
import re
import subprocess
import sys

LIMIT, ROUND = 512, 32


def functions(listing):
    """Function to (bytes of its frame, the functions it calls), from llvm-objdump's listing."""
    found, name = {}, None
    for line in listing.splitlines():
        if start := re.match(r"[0-9a-f]+ <(\w+)>:", line):
            if not start[1].startswith("LBB"):
                name = start[1]
                found.setdefault(name, [0, set()])
            continue
        if frame := re.search(r"r10 - (0x[0-9a-f]+|\d+)\)|r\d \+= -(0x[0-9a-f]+|\d+)$", line):
            depth = int(frame[1] or frame[2], 0)
            if depth <= LIMIT:  # beyond: arithmetic that is not on the frame pointer
                found[name][0] = max(found[name][0], depth)
        elif call := re.search(r"R_BPF_64_32\s+(\w+)", line):
            found[name][1].add(call[1])
    return found


def deepest(found, name):
    """The chain of calls from this function that needs most, as (bytes, names)."""
    own, calls = found[name]
    below = max((deepest(found, call) for call in calls if call in found), default=(0, []))
    return below[0] + -(-max(own, 1) // ROUND) * ROUND, [f"{name} ({own})", *below[1]]


def main():
    listing = subprocess.run(["llvm-objdump", "-dr", "--no-show-raw-insn", sys.argv[1]], capture_output=True, text=True, check=True).stdout
    found = functions(listing)
    assert len(found) > 10 and any(calls for _, calls in found.values()), "the listing is not understood"
    need, chain = max(deepest(found, name) for name in found)
    print(f"{need} of {LIMIT} bytes: {' -> '.join(chain)}")
    return 0 if need <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
