# The applier and the real kernel's maps.
weft_test(NAME maps_kernel SUITE bpf SOURCES ${CMAKE_CURRENT_LIST_DIR}/maps_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/maps/model.cpp
  ${CMAKE_SOURCE_DIR}/tests/unit/maps/random_image.cpp LIBS weft_maps)
