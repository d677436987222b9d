add_executable(net_bench net_bench.cpp)
target_link_libraries(net_bench PRIVATE weft_common)
add_executable(cni_bench cni_bench.cpp)
target_link_libraries(cni_bench PRIVATE weft_common Threads::Threads)
