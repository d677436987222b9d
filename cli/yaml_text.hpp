// JSON as YAML that people like to read and every parser of this repository takes.
#pragma once

#include <string>

#include "common/json.hpp"

namespace weft::cli {

// Block style; strings are quoted where a plain one could be read as something else.
std::string yaml_text(const Json& value);

}  // namespace weft::cli
