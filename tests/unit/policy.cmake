# Tests of policy/: pure, no privileges.
# Policy cases as data, and the way of judging them that needs no kernel; tests/policy-cases has the runner.
add_library(weft_test_cases STATIC ${CMAKE_CURRENT_LIST_DIR}/policy/case_replay.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/case_expect.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/case_world.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/case_conformance.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/case_explain_judge.cpp)
target_link_libraries(weft_test_cases PUBLIC weft_policy)
weft_test(NAME policy_cases SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/policy/cases_test.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/mutation_test.cpp
  LIBS weft_test_cases weft_yaml)
weft_test(NAME policy_units SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/policy/selector_test.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/parse_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/tables_test.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/numbers_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/compile_test.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/incremental_test.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/lint_test.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/recommend_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/parse_cluster_policy_test.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/audit_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/node_policy_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/parse_cilium_policy_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/dns_automaton_test.cpp LIBS weft_policy)
# The naive evaluator and the random worlds that it judges; tests/bpf compares it with the maps, too.
add_library(weft_test_oracle STATIC ${CMAKE_CURRENT_LIST_DIR}/policy/oracle.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/oracle_parts.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/oracle_network_policy.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/oracle_cluster_policy.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/random_world.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/random_cluster_policy.cpp
  ${CMAKE_CURRENT_LIST_DIR}/policy/oracle_cilium.cpp ${CMAKE_CURRENT_LIST_DIR}/policy/random_cilium_policy.cpp)
target_link_libraries(weft_test_oracle PUBLIC weft_policy)
weft_test(NAME policy_oracle SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/policy/oracle_test.cpp LIBS weft_test_oracle TIMEOUT 300)
# Not a test: prints how long a compile takes at scale.
add_executable(policy_scale ${CMAKE_CURRENT_LIST_DIR}/policy/scale.cpp)
target_link_libraries(policy_scale PRIVATE weft_policy)
