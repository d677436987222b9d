# The real weftd over its socket, with the real maps, in a network namespace of the test's own.
weft_add_test(NAME daemon SUITE netns COMMAND ${CMAKE_CURRENT_LIST_DIR}/daemon_test.py $<TARGET_FILE:weftd> TIMEOUT 300)
