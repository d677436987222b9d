# The CNI protocol without a process, and what weft-cni is made of.
weft_test(NAME cni_protocol SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/cni/protocol_test.cpp ${CMAKE_CURRENT_LIST_DIR}/cni/config_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cni/result_test.cpp ${CMAKE_CURRENT_LIST_DIR}/cni/parts_test.cpp ${CMAKE_CURRENT_LIST_DIR}/cni/cpu_test.cpp LIBS weft_cni GTest::gmock Threads::Threads)
