#!/bin/sh
# cppcheck's own errors and warnings over user space: what clang-tidy's checks do not look for (leaks, bounds, uninitialised).
# unknownMacro: WEFT_TRY is followed without a semicolon problem only with the headers of the libraries, which are not read.
# normalCheckLevelMaxBranches: a note about its own effort.
set -e
cd "$(dirname "$0")/../.."
mkdir -p "$1/cppcheck"
cppcheck --quiet --std=c++20 --language=c++ --enable=warning,portability --error-exitcode=1 --inline-suppr -j 2 \
    --cppcheck-build-dir="$1/cppcheck" --suppress=missingInclude --suppress=unknownMacro \
    -I . common datapath/loader policy cni daemon hubble-lite cli
