# Policy cases by real sockets.
include(${CMAKE_SOURCE_DIR}/tests/policy-cases/policy_cases.cmake)
