weft_test(NAME daemon_test SUITE unit
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/daemon_ipam_test.cpp ${CMAKE_CURRENT_LIST_DIR}/daemon_store_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/daemon_yaml_test.cpp ${CMAKE_CURRENT_LIST_DIR}/daemon_reconcile_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/daemon_watch_test.cpp ${CMAKE_CURRENT_LIST_DIR}/daemon_routes_test.cpp
  LIBS weft_daemon)
