// Requests to weftd. Errors that the daemon reports come back as they are; if it does not answer, context.unreachable
// is set and the error says what to do.
#pragma once

#include <string>
#include <string_view>

#include "cli/context.hpp"

namespace weft::cli {

Result<Json> get(Context& context, std::string_view target);
Result<Json> post(Context& context, std::string_view target, const Json& body);
Result<Json> erase(Context& context, std::string_view target);
// What a daemon says when it refuses: {"error":{"code","message","path"}}.
Error refusal(int status, const std::string& text);

inline constexpr std::string_view kDaemonHint =
    "Is it running? Another run directory is named by --run-dir or WEFT_RUN_DIR.";

}  // namespace weft::cli
