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
// The answer's text, for answers of many lines.
Result<std::string> get_text(Context& context, std::string_view target);

}  // namespace weft::cli
