// Gives up what the daemon does not use once it has started.
#pragma once

#include "common/result.hpp"

namespace weft::node {

// Of the whole process (call it before other threads are made): keeps BPF, PERFMON and NET_ADMIN for programs and maps,
// DAC_READ_SEARCH for objects directories of other users; no new program can bring others back.
Result<void> drop_capabilities();

}  // namespace weft::node
