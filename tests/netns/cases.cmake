# Policy cases by real sockets, and their runner.
include(${CMAKE_SOURCE_DIR}/tests/policy-cases/policy_cases.cmake)
weft_add_test(NAME policy_cases SUITE netns COMMAND ${CMAKE_SOURCE_DIR}/tests/policy-cases/runner_test.py)
