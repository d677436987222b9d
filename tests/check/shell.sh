#!/bin/sh
# Runs shellcheck over every script, found by its first line; Python scripts must at least compile.
# SC2119, SC2120: a function whose arguments are options that one caller gives and another does not is what was meant.
set -e
cd "$(dirname "$0")/../.."
git ls-files | while read -r file; do
    [ -f "$file" ] || continue
    case $(head -n 1 "$file" | tr -d '\0') in
        '#!/bin/sh'* | '#!/bin/bash'* | '#!/usr/bin/env bash'*) printf '%s\n' "$file" ;;
    esac
done | xargs shellcheck --external-sources --source-path=SCRIPTDIR --severity=info --exclude=SC2119,SC2120
git ls-files '*.py' | xargs python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]'
