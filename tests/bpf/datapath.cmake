add_library(weft_test_world STATIC packet.cpp world.cpp)
target_link_libraries(weft_test_world PUBLIC weft_loader)
weft_test(NAME datapath_test SUITE bpf SOURCES datapath_test.cpp LIBS weft_test_world)
