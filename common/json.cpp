#include "common/json.hpp"

#include <algorithm>
#include <set>

namespace weft {

namespace {

// Follows the parser's events to refuse what nlohmann accepts: duplicate keys and unbounded depth.
class StructureCheck {
  public:
    explicit StructureCheck(int depth) : depth_(depth) {}

    bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
        if (depth > depth_) return refuse(fmt::format("nested deeper than {} levels", depth_));
        switch (event) {
            case Json::parse_event_t::object_start:
                keys_.emplace_back();
                break;
            case Json::parse_event_t::object_end:
                keys_.pop_back();
                break;
            case Json::parse_event_t::key:
                if (!keys_.back().insert(parsed.get<std::string>()).second)
                    return refuse(fmt::format("the key {} stands twice in one object", parsed.dump()));
                break;
            default:
                break;
        }
        return true;
    }
    const std::string& problem() const { return problem_; }

  private:
    bool refuse(std::string what) {
        if (problem_.empty()) problem_ = std::move(what);
        return true;  // keep the parser's own state whole; the problem is reported when it is done
    }

    int depth_;
    std::vector<std::set<std::string>> keys_;
    std::string problem_;
};

// Brackets nested deeper than `limit`, seen before parsing so that no deep tree is built.
bool too_deep(std::string_view text, int limit) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > limit) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

std::string kind(const Json& value) {
    if (value.is_null()) return "null";
    if (value.is_boolean()) return "a boolean";
    if (value.is_number_integer()) return "an integer";
    if (value.is_number()) return "a number";
    if (value.is_string()) return "a string";
    return value.is_array() ? "an array" : "an object";
}

// Optimal string alignment: two neighbours in the wrong order are one mistake.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    const std::size_t width = b.size() + 1;
    std::vector<std::size_t> rows((a.size() + 1) * width);
    const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return rows[i * width + j]; };
    for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = i;
    for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            at(i, j) =
                std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
        }
    return at(a.size(), b.size());
}

std::string child_path(const std::string& parent, std::string_view name) {
    const bool plain = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    });
    return plain ? fmt::format("{}.{}", parent, name)
                 : fmt::format("{}[{}]", parent,
                               Json(name.substr(0, 64)).dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
    if (text.size() > limits.bytes)
        return fail(ErrorCode::kInvalid, "{} bytes of JSON; at most {} are accepted", text.size(), limits.bytes);
    if (too_deep(text, limits.depth)) return fail(ErrorCode::kInvalid, "nested deeper than {} levels", limits.depth);
    StructureCheck check(limits.depth);
    try {
        Json value = Json::parse(text, std::ref(check));
        if (!check.problem().empty()) return fail(ErrorCode::kInvalid, "{}", check.problem());
        return value;
    } catch (const Json::exception& e) {
        const std::string_view what = e.what();
        const auto bracket = what.find("] ");
        return fail(ErrorCode::kInvalid, "not valid JSON: {}", bracket == what.npos ? what : what.substr(bracket + 2));
    }
}

std::string to_line(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string did_you_mean(std::string_view text, std::span<const std::string_view> known) {
    const auto lower = [](std::string_view from) {
        std::string out(from.substr(0, 64));
        std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return out;
    };
    const auto distance = [&](std::string_view candidate) { return edit_distance(lower(text), lower(candidate)); };
    const auto nearest = std::ranges::min_element(known, {}, distance);
    if (nearest == known.end() || distance(*nearest) > std::min<std::size_t>(3, nearest->size() - 1)) return {};
    return fmt::format("; did you mean '{}'?", *nearest);
}

std::unexpected<Error> JsonView::error(std::string_view message) const {
    return std::unexpected(Error{ErrorCode::kInvalid, std::string(message), path_});
}

Result<std::string> JsonView::string() const {
    if (!value_->is_string()) return error("expected a string, found " + kind(*value_));
    return value_->get<std::string>();
}

Result<bool> JsonView::boolean() const {
    if (!value_->is_boolean()) return error("expected true or false, found " + kind(*value_));
    return value_->get<bool>();
}

Result<std::int64_t> JsonView::integer(std::int64_t lowest, std::int64_t highest) const {
    if (!value_->is_number_integer()) return error("expected an integer, found " + kind(*value_));
    const bool huge = value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX;
    const std::int64_t number = huge ? INT64_MAX : value_->get<std::int64_t>();
    if (huge || number < lowest || number > highest)
        return error(fmt::format("{} is not between {} and {}", value_->dump(), lowest, highest));
    return number;
}

Result<std::vector<JsonView>> JsonView::array() const {
    if (!value_->is_array()) return error("expected an array, found " + kind(*value_));
    std::vector<JsonView> out;
    out.reserve(value_->size());
    for (std::size_t i = 0; i < value_->size(); ++i) out.emplace_back((*value_)[i], fmt::format("{}[{}]", path_, i));
    return out;
}

Result<std::vector<std::pair<std::string, JsonView>>> JsonView::object() const {
    if (!value_->is_object()) return error("expected an object, found " + kind(*value_));
    std::vector<std::pair<std::string, JsonView>> out;
    out.reserve(value_->size());
    for (const auto& [name, value] : value_->items()) out.emplace_back(name, JsonView(value, child_path(path_, name)));
    return out;
}

Result<JsonView> JsonView::member(std::string_view name) const {
    WEFT_TRY(found, find(name));
    if (!found) return error(fmt::format("'{}' is missing", name));
    return *found;
}

Result<std::optional<JsonView>> JsonView::find(std::string_view name) const {
    if (!value_->is_object()) return error("expected an object, found " + kind(*value_));
    const auto at = value_->find(name);
    if (at == value_->end() || at->is_null()) return std::nullopt;
    return JsonView(*at, child_path(path_, name));
}

Result<void> JsonView::only(std::initializer_list<std::string_view> known) const {
    WEFT_TRY(members, object());
    for (const auto& [name, view] : members) {
        if (std::ranges::find(known, name) != known.end()) continue;
        return view.error("unknown field" + did_you_mean(name, std::span(known.begin(), known.size())));
    }
    return {};
}

Result<std::string> JsonView::string_or(std::string_view name, std::string fallback) const {
    WEFT_TRY(found, find(name));
    return found ? found->string() : Result<std::string>(std::move(fallback));
}

Result<bool> JsonView::boolean_or(std::string_view name, bool fallback) const {
    WEFT_TRY(found, find(name));
    return found ? found->boolean() : fallback;
}

}  // namespace weft
