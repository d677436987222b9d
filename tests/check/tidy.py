#!/usr/bin/env python3
"""tidy.py BUILD_DIR: clang-tidy over the programs' C++ files in BUILD_DIR/compile_commands.json, with the checks of .clang-tidy.

The files of one folder are checked together, as one file that includes them: nearly all of the time goes into the libraries' headers,
and so they are walked once a folder (3 minutes on two cores, a quarter of an hour file by file). Where two files of a folder cannot
stand in one (each has its own `Planner` in an unnamed namespace), the folder is halved.

Files of tests/ are left out: GoogleTest's macros trip several checks, and they would double the time.

A clean folder is remembered by the contents of its files and of all our headers that they include: a second run takes a second.
"""
import collections
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
            kept.append(word + words[index + 1] if word == "-isystem" else "--include=" + words[index + 1])
        elif word.startswith(("-I", "-D")):
            kept.append(word)
    return kept


def fingerprint(paths, arguments):
    digest = hashlib.sha256("\0".join(arguments).encode())
    reached = set()
    for path in paths:
        own_files(path, reached)
    for name in sorted(reached) + [os.path.join(ROOT, ".clang-tidy"), os.path.abspath(__file__)]:
        with open(name, "rb") as content:
            digest.update(name.encode() + b"\0" + content.read())
    return digest.hexdigest()


def check(paths, arguments, cache):
    """Output of clang-tidy when it found something, else nothing."""
    stamp = os.path.join(cache, fingerprint(paths, arguments))
    if os.path.exists(stamp):
        return ""
    together = stamp + ".cpp"
    with open(together, "w") as out:
        out.writelines(f'#include "{path}"\n' for path in paths)
    done = subprocess.run([TOOL, "--quiet", "--config-file=" + os.path.join(ROOT, ".clang-tidy"), "--header-filter=^" + re.escape(ROOT) + "/",
                           together, "--", *arguments, *EXTRA], capture_output=True, text=True, cwd=ROOT)
    os.unlink(together)
    if done.returncode == 0:
        open(stamp, "w").close()
        return ""
    if "[clang-diagnostic-error" in done.stdout and len(paths) > 1:
        half = len(paths) // 2
        return check(paths[:half], arguments, cache) + check(paths[half:], arguments, cache)
    return done.stdout + done.stderr


def folders(build):
    """[(files of one folder, their flags)], the largest first."""
    with open(os.path.join(build, "compile_commands.json")) as database:
        entries = {entry["file"]: flags(entry) for entry in json.load(database)}
    found = collections.defaultdict(list)
    for path in sorted(entries):
        if path.startswith(ROOT + "/") and path.endswith(".cpp") and not path.startswith((build + "/", ROOT + "/tests/")):
            found[os.path.dirname(path)].append(path)
    if not found:
        sys.exit("no C++ file of ours in " + build)
    return [(paths, list(dict.fromkeys(word for path in paths for word in entries[path])))
            for paths in sorted(found.values(), key=len, reverse=True)]


def main(build):
    cache = os.path.join(build, "tidy")
    os.makedirs(cache, exist_ok=True)
    work = folders(build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [text for text in pool.map(lambda item: check(*item, cache), work) if text]
    print("\n".join(findings))
    print(f"{sum(len(paths) for paths, _ in work)} files checked, {len(findings)} folders with findings")
    sys.exit(1 if findings else 0)


main(os.path.realpath(sys.argv[1]))
