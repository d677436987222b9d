#include "policy/parse_rules.hpp"

#include <algorithm>
#include <array>

#include "policy/names.hpp"

namespace weft::policy {

Result<std::vector<JsonView>> list_of(const JsonView& object, std::string_view name, std::size_t most) {
    WEFT_TRY(view, object.find(name));
    if (!view) return std::vector<JsonView>{};
    WEFT_TRY(items, view->array());
    if (items.size() > most) return view->error(fmt::format("{} entries; at most {} are accepted", items.size(), most));
    return items;
}

Result<Cidr> parse_cidr(const JsonView& view) {
    WEFT_TRY(text, view.string());
    if (text.find('/') == text.npos)
        return view.error(fmt::format("'{}' is not a prefix such as 10.0.0.0/8", text.substr(0, 64)));
    auto cidr = Cidr::parse(text);
    if (!cidr) return view.error(cidr.error().message);
    return cidr;
}

Result<std::uint16_t> parse_port_number(const JsonView& view) {
    WEFT_TRY(number, view.integer(1, 65535));
    return static_cast<std::uint16_t>(number);
}

Result<std::string> parse_port_name(const JsonView& view) {
    WEFT_TRY(name, view.string());
    if (auto problem = port_name_problem(name); !problem.empty())
        return view.error(fmt::format("'{}' is not a port name: {}", name.substr(0, 64), problem));
    return name;
}

Result<PortMatch> parse_port_range(const JsonView& view, std::uint8_t protocol) {
    WEFT_TRY(start, view.member("start"));
    WEFT_TRY(first, parse_port_number(start));
    WEFT_TRY(end, view.member("end"));
    WEFT_TRY(last, parse_port_number(end));
    if (last < first) return end.error("must not be below 'start'");
    return PortMatch{protocol, {}, first, last};
}

Result<std::pair<std::string, JsonView>> only_member(const JsonView& view, std::span<const std::string_view> known) {
    WEFT_TRY(members, view.object());
    std::optional<std::pair<std::string, JsonView>> out;
    for (auto& [name, member] : members) {
        if (member.is_null()) continue;
        if (std::ranges::find(known, name) == known.end())
            return member.error(
                fmt::format("is not known here: use one of {}{}", fmt::join(known, ", "), did_you_mean(name, known)));
        if (out) return view.error(fmt::format("has both {} and {}: exactly one may be given", out->first, name));
        out.emplace(name, member);
    }
    if (!out) return view.error(fmt::format("needs one of {}", fmt::join(known, ", ")));
    return std::move(*out);
}

std::unexpected<Error> not_supported(const JsonView& view, std::string_view why) {
    return view.error(fmt::format("is not supported: {}", why));
}

namespace {

constexpr std::string_view kMode = "weft.io/mode", kLog = "weft.io/log";
constexpr std::string_view kAnnotations[] = {kMode, kLog};

// Whether the annotation says the first of the two words that it may say.
Result<bool> says_first(const JsonView& view, const std::array<std::string_view, 2>& words) {
    WEFT_TRY(text, view.string());
    if (std::ranges::find(words, text) == words.end())
        return view.error(fmt::format("'{}' is not known here: use {} or {}{}", text.substr(0, 64), words[0], words[1],
                                      did_you_mean(text, words)));
    return text == words[0];
}

Result<void> read_annotation(std::string_view key, const JsonView& view, Policy& out) {
    if (!key.starts_with("weft.io/")) return {};
    if (key == kMode) {
        WEFT_TRY(audit, says_first(view, {"audit", "enforce"}));
        out.audit = audit;
    } else if (key == kLog) {
        WEFT_TRY(logged, says_first(view, {"true", "false"}));
        out.logged = logged;
    } else {
        return view.error(fmt::format("is no annotation of weft's: use one of {}{}", fmt::join(kAnnotations, ", "),
                                      did_you_mean(key, kAnnotations)));
    }
    return {};
}

}  // namespace

Result<Metadata> parse_policy_metadata(const JsonView& object, Scope scope, std::string_view kind, Policy& out) {
    WEFT_TRY(metadata, parse_metadata(object, scope));
    out.name = {std::string(kind), metadata.namespace_, metadata.name};
    WEFT_TRY(view, object.member("metadata"));
    WEFT_TRY(annotations, view.find("annotations"));
    if (!annotations) return metadata;
    WEFT_TRY(members, annotations->object());
    for (const auto& [key, value] : members) WEFT_CHECK(read_annotation(key, value, out));
    return metadata;
}

void sort_unique(std::vector<Cidr>& list) {
    std::ranges::sort(list);
    const auto rest = std::ranges::unique(list);
    list.erase(rest.begin(), rest.end());
}

Json complete(const Json& object, std::string_view api_version, std::string_view kind) {
    Json out = object;
    out["apiVersion"] = api_version;
    out["kind"] = kind;
    return out;
}

}  // namespace weft::policy
