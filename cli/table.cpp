#include "cli/table.hpp"

#include <algorithm>

namespace weft::cli {

namespace {

// Columns on a terminal: UTF-8's continuation bytes take none.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string scalar_text(const Json& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return value.get_ref<const std::string&>().empty() ? "-" : value.get<std::string>();
    if (value.is_array()) {
        std::string joined;
        for (const auto& item : value) joined += (joined.empty() ? "" : ",") + scalar_text(item);
        return joined.empty() ? "-" : joined;
    }
    return to_line(value);
}

}  // namespace

std::string printable(std::string_view text) {
    std::string result(text);
    for (auto& c : result)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return result;
}

void Table::print(std::ostream& out) const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out << printable(row[i]);
            if (i + 1 < row.size()) out << std::string(widths[i] - width(row[i]) + 2, ' ');
        }
        out << '\n';
    }
}

std::string text(const Json& value, std::string_view path) {
    const Json* at = &value;
    while (!path.empty()) {
        const auto dot = std::min(path.find('.'), path.size());
        const std::string name(path.substr(0, dot));
        if (!at->is_object() || !at->contains(name)) return "-";
        at = &(*at)[name];
        path.remove_prefix(std::min(path.size(), dot + 1));
    }
    return scalar_text(*at);
}

std::string labels_text(const Json& labels) {
    std::string joined;
    if (!labels.is_object()) return "-";
    for (const auto& [key, value] : labels.items()) {
        const auto shown = scalar_text(value);
        joined += (joined.empty() ? "" : ",") + (shown == "-" ? key : key + "=" + shown);
    }
    return joined.empty() ? "-" : joined;
}

std::string policy_text(const Json& policy) {
    const auto space = text(policy, "namespace");
    return space == "-" ? fmt::format("{} {}", text(policy, "kind"), text(policy, "name"))
                        : fmt::format("{} {}/{}", text(policy, "kind"), space, text(policy, "name"));
}

std::string rule_text(const Json& rule) {
    if (!rule.is_object()) return "-";
    if (rule.value("default_deny", false)) {
        std::string names;
        if (rule.contains("policies"))
            for (const auto& policy : rule["policies"]) names += (names.empty() ? "" : ", ") + policy_text(policy);
        return names.empty() ? "default deny" : "default deny of " + names;
    }
    if (const auto path = text(rule, "path"); path != "-" && !path.empty())
        return fmt::format("{} {}", policy_text(rule), path.starts_with("spec.") ? path.substr(5) : path);
    return fmt::format("{} {}[{}]", policy_text(rule), text(rule, "direction"), text(rule, "index"));
}

std::string bytes_text(double bytes) {
    constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1024;
    return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

}  // namespace weft::cli
