// Reading untrusted JSON: size, depth and duplicate keys are checked, and every error names the place as a JSON path.
//
// A JsonView is a value together with its path ("$.spec.ingress[0].from"). The accessors check the type and return an
// error "expected a string, found a number" with that path. The document must outlive the view.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace weft {

using Json = nlohmann::json;

struct JsonLimits {
    std::size_t bytes = 8U << 20;  // the API server's own limit for a request body is 3 MiB; a List may hold several
    int depth = 64;
};

// Errors: kInvalid with line and column for bad syntax, too large, too deep, or a key that stands twice in one object.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

// `value` as one line; bytes that are not UTF-8 are replaced, so that this cannot fail.
std::string to_line(const Json& value);

// "; did you mean 'ingress'?" when one of `known` is near to `text`, else nothing: for the end of an error.
std::string did_you_mean(std::string_view text, std::span<const std::string_view> known);

class JsonView {
  public:
    explicit JsonView(const Json& value, std::string path = "$") : value_(&value), path_(std::move(path)) {}

    const Json& raw() const { return *value_; }
    const std::string& path() const { return path_; }
    bool is_null() const { return value_->is_null(); }
    std::unexpected<Error> error(std::string_view message) const;

    Result<std::string> string() const;
    Result<bool> boolean() const;
    Result<std::int64_t> integer(std::int64_t lowest, std::int64_t highest) const;
    // The elements of an array, each with its path.
    Result<std::vector<JsonView>> array() const;
    // The members of an object in the document's order of keys, each with its path.
    Result<std::vector<std::pair<std::string, JsonView>>> object() const;

    // Member of an object: `member` must be there and not null; `find` gives nothing when absent or null.
    // Both are errors when this value is not an object.
    Result<JsonView> member(std::string_view name) const;
    Result<std::optional<JsonView>> find(std::string_view name) const;
    // Refuses members with other names than these, naming the nearest known one.
    Result<void> only(std::initializer_list<std::string_view> known) const;

    // find() followed by the conversion, or `fallback`.
    Result<std::string> string_or(std::string_view name, std::string fallback) const;
    Result<bool> boolean_or(std::string_view name, bool fallback) const;

  private:
    const Json* value_;
    std::string path_;
};

}  // namespace weft
