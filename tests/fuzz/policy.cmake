weft_fuzz(NAME policy_parse WITH weft_policy SOURCES ${CMAKE_CURRENT_LIST_DIR}/policy_parse.cpp
  ${CMAKE_SOURCE_DIR}/common/result.cpp ${CMAKE_SOURCE_DIR}/common/ip_addr.cpp ${CMAKE_SOURCE_DIR}/common/json.cpp)
