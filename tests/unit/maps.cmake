# Tests of daemon/maps: the plan and the transaction against a kernel in memory. No privileges.
weft_test(NAME maps_transaction SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/maps/transaction_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/maps/model.cpp ${CMAKE_CURRENT_LIST_DIR}/maps/random_image.cpp LIBS weft_maps_core TIMEOUT 300)
weft_test(NAME maps_plan SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/maps/plan_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/maps/model.cpp ${CMAKE_CURRENT_LIST_DIR}/maps/random_image.cpp LIBS weft_maps_core weft_policy TIMEOUT 300)
