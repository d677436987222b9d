# The real hubble-lite on the real ring buffer, in a network namespace of the test's own.
weft_test(NAME hubble_kernel SUITE netns SOURCES ${CMAKE_CURRENT_LIST_DIR}/hubble_kernel_test.cpp LIBS weft_test_world
  DEFINITIONS HUBBLE_LITE="$<TARGET_FILE:hubble-lite>")
add_dependencies(hubble_kernel hubble-lite)
