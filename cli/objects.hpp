// Kubernetes objects from files and standard input, JSON or YAML.
#pragma once

#include <string>
#include <vector>

#include "cli/context.hpp"

namespace weft::cli {

// The documents of all files in order ("-": standard input). Errors name the file.
Result<std::vector<Json>> read_objects(Context& context, const std::vector<std::string>& files);

}  // namespace weft::cli
