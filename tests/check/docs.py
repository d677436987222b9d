#!/usr/bin/env python3
"""docs.py [BUILD_DIR]: what README.md and docs/*.md point to must exist.

Relative links and their #anchors; paths in `backquotes` that begin with a folder of ours; in fenced sh blocks, commands of ours
(deploy/..., tests/..., weft ...) and the options that they are given, asked of the programs' own --help.
"""
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FOLDERS = tuple(name + "/" for name in ("common", "datapath", "policy", "cni", "daemon", "hubble-lite", "cli", "tests", "deploy", "docs"))
PROGRAMS = {"weft": "cli/weft", "weftd": "daemon/weftd", "hubble-lite": "hubble-lite/hubble-lite", "weft-cni": "cni/weft-cni"}


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(path):
    with open(path, encoding="utf-8") as page:
        return {anchor(line.lstrip("#")) for line in page if line.startswith("#")}


def link_breaches(page, text):
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        full = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(full):
            yield f"link to {target}: no such file"
        elif fragment and fragment not in anchors(full):
            yield f"link to {target}: no such heading"


def path_breaches(text):
    for word in QUOTED.findall(text):
        path = word.split()[0].rstrip(",;:") if word.split() else ""
        if path.startswith(FOLDERS) and re.fullmatch(r"[\w./*-]+", path) and not glob.glob(os.path.join(ROOT, path)):
            yield f"`{word}`: no such file"


def help_text(command, cache={}):
    key = tuple(command)
    if key not in cache:
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=20, cwd=ROOT)
        cache[key] = done.stdout + done.stderr if done.returncode == 0 else None
    return cache[key]


def resolve(words, build):
    """The command of ours that a line calls, with its subcommands; None for anybody else's."""
    while words and (words[0] in ("sudo", "$", "#") or re.fullmatch(r"\w+=\S*", words[0])):
        words = words[1:]
    if not words:
        return None
    first = words[0].removeprefix("./")
    if first.startswith(("deploy/", "tests/", ".ci/")):
        return [os.path.join(ROOT, first)]
    name = first.removeprefix("build/").split("/")[-1]
    if name in PROGRAMS and build and (first == name or first in PROGRAMS.values()):
        subcommands = []
        for word in words[1:3] if name == "weft" else []:
            if not re.fullmatch(r"[a-z]+", word):
                break
            subcommands.append(word)
        return [os.path.join(build, PROGRAMS[name]), *subcommands]
    return None


def command_breaches(text, build):
    for language, block in FENCE.findall(text):
        if language not in ("sh", "bash", "console"):
            continue
        for line in block.splitlines():
            words = line.split(" #")[0].split()
            command = resolve(words, build)
            if command is None:
                continue
            if not os.access(command[0], os.X_OK):
                yield f"`{line.strip()}`: {command[0]} is not there"
                continue
            page = help_text(command) or (help_text(command[:-1]) if len(command) > 1 else None)
            if page is None:
                yield f"`{line.strip()}`: {' '.join(command)} --help fails"
                continue
            for option in re.findall(r"(?<=\s)(--[a-z][\w-]*)", " " + " ".join(words)):
                if option not in page:
                    yield f"`{line.strip()}`: its --help does not know {option}"


def main(build):
    pages = [os.path.join(ROOT, "README.md"), *sorted(glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True))]
    bad = []
    for page in pages:
        with open(page, encoding="utf-8") as source:
            text = source.read()
        for breach in [*link_breaches(page, text), *path_breaches(text), *command_breaches(text, build)]:
            bad.append(f"{os.path.relpath(page, ROOT)}: {breach}")
    print("\n".join(bad))
    print(f"{len(pages)} pages, {len(bad)} breaches")
    sys.exit(1 if bad else 0)


main(os.path.realpath(sys.argv[1]) if len(sys.argv) > 1 else None)
