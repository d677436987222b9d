# The runner of policy cases; not a test by itself (tests/netns/cases.cmake has those).
find_package(CLI11 REQUIRED)
set(policy_cases ${CMAKE_SOURCE_DIR}/tests/policy-cases)
add_executable(policy_cases_runner ${policy_cases}/main.cpp ${policy_cases}/sockets_judge.cpp ${policy_cases}/prober.cpp
  ${policy_cases}/pod_sockets.cpp ${policy_cases}/sctp.cpp ${policy_cases}/event_loop.cpp ${policy_cases}/case_node.cpp
  ${policy_cases}/netns.cpp)
target_link_libraries(policy_cases_runner PRIVATE weft_test_policy_maps weft_loader weft_common CLI11::CLI11)
target_compile_definitions(policy_cases_runner PRIVATE WEFT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" WEFT_BINARY_DIR="${CMAKE_BINARY_DIR}")
set_target_properties(policy_cases_runner PROPERTIES OUTPUT_NAME policy_cases RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/policy-cases)
add_dependencies(policy_cases_runner weftd weft-cni)
