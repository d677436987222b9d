set(WEFT_BENCH_OBJECT ${CMAKE_CURRENT_BINARY_DIR}/bpf_bench.bpf.o)
add_custom_command(
  OUTPUT ${WEFT_BENCH_OBJECT}
  COMMAND clang -O2 -g -Wall -Wextra -Werror -mcpu=v3 -target bpf -I${CMAKE_SOURCE_DIR} -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
          -c ${CMAKE_CURRENT_SOURCE_DIR}/bpf_bench.bpf.c -o ${WEFT_BENCH_OBJECT}
  DEPENDS bpf_bench.bpf.c bpf_bench.h ${WEFT_BPF_SOURCES})
add_custom_target(bpf_bench_object DEPENDS ${WEFT_BENCH_OBJECT})
add_library(weft_bpf_runner STATIC bpf_runner.cpp)
target_link_libraries(weft_bpf_runner PUBLIC weft_test_dns)
add_dependencies(weft_bpf_runner bpf_bench_object)
target_compile_definitions(weft_bpf_runner PUBLIC WEFT_BENCH_OBJECT="${WEFT_BENCH_OBJECT}")
add_executable(bpf_bench bpf_bench.cpp)
target_link_libraries(bpf_bench PRIVATE weft_bpf_runner)
