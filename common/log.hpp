// Logging: spdlog to standard error, one line a record, level from --log-level. Programs call log_init once in main.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

#include "common/result.hpp"

namespace weft {

// `level`: trace, debug, info, warn, error. `program` stands in every line. Error kInvalid for another level.
Result<void> log_init(std::string_view program, std::string_view level);

}  // namespace weft
