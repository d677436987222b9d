#include "cli/yaml_text.hpp"

#include <algorithm>

namespace weft::cli {

namespace {

bool is_plain(const std::string& text) {
    static constexpr std::string_view kWords[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
    std::string lower = text;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0 &&
           std::ranges::find(kWords, lower) == std::end(kWords) && std::ranges::all_of(text, [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
           });
}

std::string scalar(const Json& value) {
    if (value.is_string() && is_plain(value.get_ref<const std::string&>())) return value.get<std::string>();
    return to_line(value);  // also {} and []
}

bool is_block(const Json& value) {
    return value.is_structured() && !value.empty();
}

void write(const Json& value, std::size_t indent, bool in_list, std::string& out) {
    bool first = in_list;  // the first line goes on behind "- "
    const auto begin = [&] {
        if (!first) out.append(indent, ' ');
        first = false;
    };
    if (value.is_array()) {
        for (const auto& item : value) {
            begin();
            out += "- ";
            if (is_block(item))
                write(item, indent + 2, true, out);
            else
                out += scalar(item) + "\n";
        }
        return;
    }
    for (const auto& [key, member] : value.items()) {
        begin();
        out += scalar(key) + ":";
        if (is_block(member)) {
            out += "\n";
            write(member, indent + 2, false, out);
        } else {
            out += " " + scalar(member) + "\n";
        }
    }
}

}  // namespace

std::string yaml_text(const Json& value) {
    if (!is_block(value)) return scalar(value) + "\n";
    std::string out;
    write(value, 0, false, out);
    return out;
}

}  // namespace weft::cli
