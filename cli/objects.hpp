// Kubernetes objects from files and standard input, JSON or YAML.
#pragma once

#include <string>
#include <vector>

#include "cli/context.hpp"

namespace weft::cli {

struct Document {
    std::string file;  // as people call it
    int number = 1;    // in the file
    Json json;
};

// The documents of all files in order, each with where it stands. Errors name the file.
Result<std::vector<Document>> read_documents(Context& context, const std::vector<std::string>& files);

// The documents of all files in order ("-": standard input). Errors name the file.
Result<std::vector<Json>> read_objects(Context& context, const std::vector<std::string>& files);

}  // namespace weft::cli
