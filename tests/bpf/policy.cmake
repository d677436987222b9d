# Policies through the compiled maps and the loaded programs.
set(policy_tests ${CMAKE_SOURCE_DIR}/tests/unit/policy)
weft_test(NAME policy_maps_test SUITE bpf SOURCES ${CMAKE_CURRENT_LIST_DIR}/policy_maps_test.cpp ${CMAKE_CURRENT_LIST_DIR}/policy_node.cpp
  ${policy_tests}/case_replay.cpp ${policy_tests}/case_world.cpp ${policy_tests}/oracle.cpp ${policy_tests}/random_world.cpp
  LIBS weft_test_world weft_maps weft_policy)
