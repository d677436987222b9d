#include "policy/dns_pattern.hpp"

#include <algorithm>

namespace weft::policy {

namespace {

// RFC 1035, 2.3.4; a text has no length in front and no zero at the end.
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_name_character(char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_';
}

// Lower case, without the dot at the end.
std::string lower(std::string_view text) {
    std::string out(text);
    if (out.ends_with('.')) out.pop_back();
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

// The labels of a name in which `allowed` says which characters may stand.
template <typename Allowed>
Result<void> check_labels(std::string_view shown, std::string_view name, const Allowed& allowed) {
    if (name.empty()) return fail(ErrorCode::kInvalid, "'{}' is no DNS name", shown);
    if (name.size() > kMaxName)
        return fail(ErrorCode::kInvalid, "a DNS name has at most {} characters, not {}", kMaxName, name.size());
    for (std::size_t at = 0; at <= name.size();) {
        const auto end = std::min(name.find('.', at), name.size());
        const auto label = name.substr(at, end - at);
        if (label.empty()) return fail(ErrorCode::kInvalid, "'{}' has an empty label", shown);
        if (label.size() > kMaxLabel)
            return fail(ErrorCode::kInvalid, "'{}' has a label of {} characters: at most {}", shown, label.size(),
                        kMaxLabel);
        for (const char c : label)
            if (!allowed(c))
                return fail(ErrorCode::kInvalid, "'{}' has a character that no DNS name of a policy has", shown);
        at = end + 1;
    }
    return {};
}

}  // namespace

Result<std::string> pattern_of_match_name(std::string_view text) {
    auto name = lower(text);
    if (name.contains('*')) return fail(ErrorCode::kInvalid, "'{}' has a wildcard: that is for matchPattern", text);
    WEFT_CHECK(check_labels(text, name, is_name_character));
    return name;
}

Result<std::string> pattern_of_match_pattern(std::string_view text) {
    auto pattern = lower(text);
    if (pattern == "*") return pattern;
    const bool deep = pattern.starts_with("**.");
    const std::string_view rest = std::string_view(pattern).substr(deep ? 3 : 0);
    WEFT_CHECK(check_labels(text, rest, [](char c) { return is_name_character(c) || c == '*'; }));
    std::string out = deep ? "**." : "";
    for (std::size_t i = 0; i < rest.size(); ++i)
        if (rest[i] != '*' || i == 0 || rest[i - 1] != '*') out += rest[i];
    return out;
}

Result<std::string> pattern_of_domain_name(std::string_view text) {
    auto name = lower(text);
    const bool deep = name.starts_with("*.");
    const std::string rest = name.substr(deep ? 2 : 0);
    if (rest.contains('*'))
        return fail(ErrorCode::kInvalid, "'{}': '*' stands only for whole labels in front, as in '*.example.com'",
                    text);
    WEFT_CHECK(check_labels(text, rest, is_name_character));
    if (!rest.contains('.')) return fail(ErrorCode::kInvalid, "'{}' has one label: at least two are needed", text);
    for (std::size_t at = 0; at <= rest.size();) {
        const auto end = std::min(rest.find('.', at), rest.size());
        if (!is_letter_or_digit(rest[at]) || !is_letter_or_digit(rest[end - 1]))
            return fail(ErrorCode::kInvalid, "'{}' has a label that does not begin and end with a letter or digit",
                        text);
        at = end + 1;
    }
    return (deep ? "**." : "") + rest;
}

}  // namespace weft::policy
