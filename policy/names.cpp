#include "policy/names.hpp"

#include <algorithm>

namespace weft::policy {

namespace {

bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alphanumeric(char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

// Begins and ends with a character of `edge`, all in between of `edge` or `extra`.
bool shaped(std::string_view text, bool (*edge)(char), std::string_view extra) {
    return !text.empty() && edge(text.front()) && edge(text.back()) &&
           std::ranges::all_of(text, [&](char c) { return edge(c) || extra.find(c) != extra.npos; });
}

std::string too_long(std::size_t limit) {
    return "must be at most " + std::to_string(limit) + " characters";
}

constexpr std::string_view kQualified =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

}  // namespace

std::string dns_label_problem(std::string_view text) {
    if (text.size() > 63) return too_long(63);
    if (!shaped(text, is_lower_or_digit, "-"))
        return "must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
               "character";
    return {};
}

std::string dns_subdomain_problem(std::string_view text) {
    if (text.size() > 253) return too_long(253);
    for (std::size_t at = 0; at <= text.size();) {
        const auto dot = std::min(text.find('.', at), text.size());
        if (!shaped(text.substr(at, dot - at), is_lower_or_digit, "-"))
            return "must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
                   "alphanumeric "
                   "character";
        at = dot + 1;
    }
    return {};
}

std::string port_name_problem(std::string_view text) {
    if (text.size() > 15) return too_long(15);
    if (!shaped(text, is_lower_or_digit, "-"))
        return "must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
               "character";
    if (text.find("--") != text.npos) return "must not contain consecutive hyphens";
    if (std::ranges::none_of(text, [](char c) { return c >= 'a' && c <= 'z'; }))
        return "must contain at least one letter";
    return {};
}

std::string label_key_problem(std::string_view text) {
    const auto slash = text.find('/');
    if (slash != text.npos) {
        if (slash == 0) return "prefix part must not be empty";
        if (auto problem = dns_subdomain_problem(text.substr(0, slash)); !problem.empty())
            return "prefix part " + problem;
    }
    const auto name = slash == text.npos ? text : text.substr(slash + 1);
    if (name.empty()) return "name part must not be empty";
    if (name.size() > 63) return "name part " + too_long(63);
    if (!shaped(name, is_alphanumeric, "-_.")) return "name part " + std::string(kQualified);
    return {};
}

std::string label_value_problem(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > 63) return too_long(63);
    if (!shaped(text, is_alphanumeric, "-_.")) return std::string(kQualified);
    return {};
}

}  // namespace weft::policy
