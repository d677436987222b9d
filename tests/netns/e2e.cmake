# The real programs together, in network namespaces of each test's own: weftd, weft-cni, hubble-lite, the datapath.
set(e2e ${CMAKE_CURRENT_LIST_DIR}/e2e)
foreach(mode tcx clsact)
  weft_add_test(NAME e2e_connectivity_${mode} SUITE netns COMMAND ${e2e}/e2e_connectivity_test.py ENVIRONMENT WEFT_TC=${mode})
endforeach()
foreach(test policy node_policy audit counters dns kill lifecycle)
  weft_add_test(NAME e2e_${test} SUITE netns COMMAND ${e2e}/e2e_${test}_test.py)
endforeach()
