// Text for people: tables with aligned columns, and values taken out of JSON without surprises.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/json.hpp"

namespace weft::cli {

class Table {
  public:
    explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    // Columns as wide as their widest cell, two spaces between them. Control characters, which could move a
    // terminal's cursor, are shown as '?'.
    void print(std::ostream& out) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

// The member at a path such as "pod.name" as text; "-" when absent, null or empty. Arrays are joined by ",".
std::string text(const Json& value, std::string_view path);
// {"app":"web"} as "app=web,..."; "-" when empty.
std::string labels_text(const Json& labels);
// "7 of NetworkPolicy default/web (ingress[0])" or "default deny of ...".
std::string rule_text(const Json& rule);
// "NetworkPolicy default/web".
std::string policy_text(const Json& policy);
// 1536 as "1.5 KiB".
std::string bytes_text(double bytes);
// Without what could move a terminal's cursor.
std::string printable(std::string_view text);

}  // namespace weft::cli
