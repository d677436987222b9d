# Policies through the compiled maps and the loaded programs.
add_library(weft_test_policy_maps STATIC ${CMAKE_CURRENT_LIST_DIR}/policy_node.cpp ${CMAKE_CURRENT_LIST_DIR}/policy_maps_judge.cpp)
target_link_libraries(weft_test_policy_maps PUBLIC weft_test_cases weft_test_world weft_maps weft_policy)
weft_test(NAME policy_maps_test SUITE bpf SOURCES ${CMAKE_CURRENT_LIST_DIR}/policy_maps_test.cpp LIBS weft_test_policy_maps weft_test_oracle)
weft_test(NAME dns_policy_test SUITE bpf SOURCES dns_policy_test.cpp LIBS weft_test_dns weft_maps)
weft_test(NAME policy_flip_test SUITE bpf SOURCES policy_flip_test.cpp LIBS weft_test_world weft_maps weft_policy TIMEOUT 300)
