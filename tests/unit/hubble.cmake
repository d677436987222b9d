# Tests of hubble-lite, without a kernel: events are made by hand. HTTP tests listen on loopback, any free port.
find_package(OpenSSL REQUIRED COMPONENTS SSL)
weft_test(NAME hubble SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/hubble/decode_test.cpp ${CMAKE_CURRENT_LIST_DIR}/hubble/filter_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/hubble/query_test.cpp ${CMAKE_CURRENT_LIST_DIR}/hubble/ring_test.cpp ${CMAKE_CURRENT_LIST_DIR}/hubble/json_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/hubble/names_test.cpp ${CMAKE_CURRENT_LIST_DIR}/hubble/observer_test.cpp ${CMAKE_CURRENT_LIST_DIR}/hubble/http_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/hubble/tls_test.cpp ${CMAKE_CURRENT_LIST_DIR}/hubble/sample.cpp LIBS weft_hubble OpenSSL::SSL
  DEFINITIONS HUBBLE_LITE="$<TARGET_FILE:hubble-lite>")
add_dependencies(hubble hubble-lite)
# Not a test: prints events a second in and lines a second out.
add_executable(hubble_throughput ${CMAKE_CURRENT_LIST_DIR}/hubble/throughput.cpp ${CMAKE_CURRENT_LIST_DIR}/hubble/sample.cpp)
target_link_libraries(hubble_throughput PRIVATE weft_hubble)
