#!/bin/sh
# cppcheck's own errors and warnings over user space: what clang-tidy's checks do not look for (leaks, bounds, uninitialised).
# Switched off, with the reason (cppcheck 2.10 reads C++20 at most, and no header of a library):
#   missingInclude, unknownMacro      the libraries' headers and macros are not given to it
#   mismatchingContainerExpression    takes std::ranges::unique(v).begin() for another container's iterator
#   compareBoolExpressionWithInt      takes the result of <=> for a bool
#   comparePointers in ui/page.cpp    begin and end of one object, both named by the assembler
#   danglingLifetime in http.cpp      the pointer is cleared before the client's end, by the same scope
set -e
cd "$(dirname "$0")/../.."
mkdir -p "$1/cppcheck"
cppcheck --quiet --std=c++20 --language=c++ --enable=warning,portability --error-exitcode=1 --inline-suppr -j 2 \
    --cppcheck-build-dir="$1/cppcheck" --suppress=missingInclude --suppress=unknownMacro \
    --suppress=mismatchingContainerExpression --suppress=compareBoolExpressionWithInt \
    --suppress=comparePointers:hubble-lite/ui/page.cpp --suppress=danglingLifetime:hubble-lite/http.cpp \
    -I . common datapath/loader policy cni daemon hubble-lite cli
