weft_add_test(NAME ctr SUITE runtime COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/ctr_test.sh)
weft_add_test(NAME podman SUITE runtime COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/podman_test.sh)
