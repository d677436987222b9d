weft_fuzz(NAME policy_parse SOURCES ${CMAKE_CURRENT_LIST_DIR}/policy_parse.cpp WITH weft_policy weft_common)
