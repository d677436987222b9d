# weft-cni on real namespaces with a fake weftd.
add_library(weft_test_cni STATIC ${CMAKE_CURRENT_LIST_DIR}/cni/sandbox.cpp ${CMAKE_CURRENT_LIST_DIR}/cni/fake_daemon.cpp)
target_link_libraries(weft_test_cni PUBLIC weft_cni PkgConfig::LIBBPF GTest::gtest Threads::Threads)
target_compile_definitions(weft_test_cni PRIVATE WEFT_CNI_PROGRAM="$<TARGET_FILE:weft-cni>")
add_dependencies(weft_test_cni weft-cni)
weft_test(NAME cni_add_del SUITE netns SOURCES ${CMAKE_CURRENT_LIST_DIR}/cni/add_del_test.cpp LIBS weft_test_cni GTest::gmock)
weft_test(NAME cni_verbs SUITE netns SOURCES ${CMAKE_CURRENT_LIST_DIR}/cni/verbs_test.cpp LIBS weft_test_cni GTest::gmock)
weft_test(NAME cni_attach SUITE netns SOURCES ${CMAKE_CURRENT_LIST_DIR}/cni/attach_test.cpp LIBS weft_test_cni GTest::gmock)
weft_test(NAME cni_netlink SUITE netns SOURCES ${CMAKE_CURRENT_LIST_DIR}/cni/netlink_test.cpp LIBS weft_test_cni GTest::gmock)
