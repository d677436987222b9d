set(check ${CMAKE_SOURCE_DIR}/tests/check)
weft_add_test(NAME format SUITE check COMMAND ${check}/format.sh)
weft_add_test(NAME layout SUITE check COMMAND ${check}/layout.py)
weft_add_test(NAME shell SUITE check COMMAND ${check}/shell.sh)
weft_add_test(NAME docs SUITE check COMMAND ${check}/docs.py ${CMAKE_BINARY_DIR})
weft_add_test(NAME bpf_stack SUITE check COMMAND ${check}/bpf_stack.py ${CMAKE_BINARY_DIR}/datapath/weft.bpf.o)
weft_add_test(NAME cppcheck SUITE check COMMAND ${check}/cppcheck.sh ${CMAKE_BINARY_DIR} TIMEOUT 300)
weft_add_test(NAME tidy SUITE check COMMAND ${check}/tidy.py ${CMAKE_BINARY_DIR} TIMEOUT 1800)
# The verifier of the oldest kernel takes the programs, and they do there what they should.
weft_add_test(NAME kernel_6_1 SUITE check COMMAND ${CMAKE_SOURCE_DIR}/tests/kernel/run ${CMAKE_BINARY_DIR} --filter ^bpf[.]node_policy_test TIMEOUT 900)
set_tests_properties(check.tidy check.kernel_6_1 PROPERTIES PROCESSORS 2)  # they take both
