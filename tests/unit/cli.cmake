# Tests of the weft command: its text, its arguments, and whole runs against servers in the same process.
weft_test(NAME cli_text SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/cli/text_test.cpp LIBS weft_cli)
weft_test(NAME cli_run SUITE unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/cli/run_test.cpp ${CMAKE_CURRENT_LIST_DIR}/cli/policy_tools_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cli/fake_servers.cpp
  LIBS weft_cli PkgConfig::HTTPLIB)
