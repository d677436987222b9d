// Answers of many lines, visited line by line as they come.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/context.hpp"

namespace weft::cli {

// Gets each line; returns false to stop.
using VisitLine = std::function<bool(std::string_view)>;

// GET `target` of hubble-lite. `follow`: the answer may pause for as long as it likes. If hubble-lite does not answer,
// context.unreachable is set.
Result<void> stream_flows(Context& context, const std::string& target, bool follow, const VisitLine& visit);

// GET `target` of weftd, likewise.
Result<void> stream_daemon(Context& context, const std::string& target, const VisitLine& visit);

}  // namespace weft::cli
