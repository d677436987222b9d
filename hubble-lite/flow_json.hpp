// A record as a line of Hubble's JSON (GetFlowsResponse of observer.proto in protojson), with `weft` beside it
// (docs/flow-schema.md).
#pragma once

#include <string>
#include <string_view>

#include "hubble-lite/flow.hpp"

namespace weft::hubble {

// Appends the line and a newline.
void append_line(std::string& out, const Record& record, std::string_view node_name);

}  // namespace weft::hubble
