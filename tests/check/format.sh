#!/bin/sh
# Every C and C++ file is as clang-format leaves it.
set -e
cd "$(dirname "$0")/../.."
git ls-files '*.c' '*.h' '*.cpp' '*.hpp' | xargs clang-format --dry-run -Werror
