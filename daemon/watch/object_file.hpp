// One file of the objects directory: JSON or YAML, one object, a List, an array of objects, or several documents.
#pragma once

#include <filesystem>
#include <vector>

#include "policy/parse.hpp"

namespace weft::watch {

inline constexpr std::size_t kMaxFileBytes = 8U << 20;

// Whether the name is one of ours: .json, .yaml, .yml, and not hidden.
bool is_object_file(const std::filesystem::path& name);

// All objects of the file, or the first error: what is wrong and where in the document.
Result<std::vector<policy::Object>> parse_object_file(const std::filesystem::path& name, std::string_view text);
// Reads at most kMaxFileBytes of a regular file.
Result<std::string> read_file(const std::filesystem::path& path);

}  // namespace weft::watch
