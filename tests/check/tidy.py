#!/usr/bin/env python3
"""tidy.py BUILD_DIR: clang-tidy over the programs' C++ files in BUILD_DIR/compile_commands.json, with the checks of .clang-tidy.

Files of tests/ are left out: GoogleTest's macros trip several checks, and they would double the time.

A clean file is remembered by the contents of itself and of all our headers that it includes, so that a second run takes a second.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
TOOL = "clang-tidy-16"
EXTRA = ["-std=c++2b", "-include", os.path.join(ROOT, "tests/check/tidy_prelude.hpp"), "-w"]
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def own_files(path, seen):
    """The file and all our headers that it reaches, by name: a superset of what is compiled is fine."""
    if path in seen or not os.path.isfile(path):
        return seen
    seen.add(path)
    with open(path, "rb") as source:
        for name in INCLUDE.findall(source.read()):
            for folder in (ROOT, os.path.dirname(path)):
                own_files(os.path.normpath(os.path.join(folder, name.decode())), seen)
    return seen


def flags(entry):
    """The include paths and definitions of a compile command; warnings and g++'s own options mean nothing to clang-tidy."""
    words = entry.get("arguments") or shlex.split(entry["command"])
    kept = []
    for index, word in enumerate(words):
        if word in ("-isystem", "-include"):
            kept += [word, words[index + 1]]
        elif word.startswith(("-I", "-D")):
            kept.append(word)
    return kept


def fingerprint(path, arguments):
    digest = hashlib.sha256("\0".join(arguments).encode())
    for name in sorted(own_files(path, set())) + [os.path.join(ROOT, ".clang-tidy"), os.path.abspath(__file__)]:
        with open(name, "rb") as content:
            digest.update(name.encode() + b"\0" + content.read())
    return digest.hexdigest()


def check(path, arguments, cache):
    """Output of clang-tidy when it found something, else nothing."""
    stamp = os.path.join(cache, fingerprint(path, arguments))
    if os.path.exists(stamp):
        return ""
    done = subprocess.run([TOOL, "--quiet", path, "--", *arguments, *EXTRA], capture_output=True, text=True, cwd=ROOT)
    if done.returncode == 0:
        open(stamp, "w").close()
        return ""
    return f"{os.path.relpath(path, ROOT)}:\n{done.stdout}{done.stderr}"


def main(build):
    cache = os.path.join(build, "tidy")
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(build, "compile_commands.json")) as database:
        entries = {entry["file"]: flags(entry) for entry in json.load(database)}
    ours = {path: words for path, words in sorted(entries.items())
            if path.startswith(ROOT + "/") and path.endswith(".cpp")
            and not path.startswith((os.path.realpath(build) + "/", ROOT + "/tests/"))}
    if not ours:
        sys.exit("no C++ file of ours in " + build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [text for text in pool.map(lambda item: check(item[0], item[1], cache), ours.items()) if text]
    print("\n".join(findings))
    print(f"{len(ours)} files checked, {len(findings)} with findings")
    sys.exit(1 if findings else 0)


main(os.path.realpath(sys.argv[1]))
