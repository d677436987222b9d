// hubble-lite's flows, line by line.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/context.hpp"

namespace weft::cli {

// Visits each line of the answer to GET `target`, as it comes. `follow`: the answer may pause for as long as it likes.
// `visit` returns false to stop. If hubble-lite does not answer, context.unreachable is set.
Result<void> stream_lines(Context& context, const std::string& target, bool follow,
                          const std::function<bool(std::string_view)>& visit);

}  // namespace weft::cli
