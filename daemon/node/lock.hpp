// One daemon a run directory.
#pragma once

#include <filesystem>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace weft::node {

// Makes the directory (mode 0700) and locks a file in it; the lock lasts as long as the descriptor. Error kExists when
// another process has it.
Result<Fd> lock_run_dir(const std::filesystem::path& run_dir);

}  // namespace weft::node
