set(hubble ${CMAKE_SOURCE_DIR}/hubble-lite)
set(hubble_sources ${hubble}/decode.cpp ${hubble}/json_writer.cpp ${hubble}/l4_json.cpp ${hubble}/flow_json.cpp ${hubble}/filter.cpp ${hubble}/filter_values.cpp
  ${hubble}/query.cpp)
weft_fuzz(NAME hubble_decode SOURCES ${CMAKE_CURRENT_LIST_DIR}/hubble_decode.cpp ${hubble_sources} WITH weft_common)
weft_fuzz(NAME hubble_query SOURCES ${CMAKE_CURRENT_LIST_DIR}/hubble_query.cpp ${hubble_sources} WITH weft_common)
weft_fuzz(NAME hubble_names SOURCES ${CMAKE_CURRENT_LIST_DIR}/hubble_names.cpp ${hubble_sources} ${hubble}/names.cpp WITH weft_common)
