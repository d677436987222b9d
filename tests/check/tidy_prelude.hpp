// Read before every file by tests/check/tidy.py. libstdc++ 12 hides std::expected from a compiler that does not claim
// the later concepts paper (P0848); clang 16 does not claim it and compiles this code all the same.
#pragma GCC system_header
#undef __cpp_concepts
#define __cpp_concepts 202002L
