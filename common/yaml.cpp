#include "common/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

namespace weft {

namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, text) != words.end();
}

std::optional<Json> as_integer(std::string_view text) {
    const bool negative = text.starts_with('-');
    std::string_view digits = text.substr(negative || text.starts_with('+') ? 1 : 0);
    int base = 10;
    if (digits.starts_with("0x"))
        base = 16, digits.remove_prefix(2);
    else if (digits.starts_with("0o"))
        base = 8, digits.remove_prefix(2);
    else if (digits.size() > 1 && digits[0] == '0')
        base = 8, digits.remove_prefix(1);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (!negative) return Json(value);
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return Json(-static_cast<std::int64_t>(value));
}

std::optional<Json> as_float(std::string_view text) {
    std::string_view number = text.substr(text.starts_with('+') ? 1 : 0);
    const auto starts = number.substr(number.starts_with('-') ? 1 : 0);
    if (starts.empty() || (std::isdigit(static_cast<unsigned char>(starts[0])) == 0 && starts[0] != '.'))
        return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc{} || end != number.data() + number.size() || !std::isfinite(value)) return std::nullopt;
    return Json(value);
}

Json plain_scalar(const std::string& text) {
    if (one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
    if (one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return true;
    if (one_of(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) return false;
    if (const auto number = as_integer(text)) return *number;
    if (const auto number = as_float(text)) return *number;
    return text;
}

// A key as text, as kubectl writes it: `80: x` is "80".
std::string key_text(const Json& key) {
    return key.is_string() ? key.get<std::string>() : to_line(key);
}

bool is_utf8(const std::string& text) {
    try {
        return !Json(text).dump().empty();
    } catch (const Json::type_error&) {
        return false;
    }
}

class Builder : public YAML::EventHandler {
  public:
    explicit Builder(const YamlLimits& limits) : limits_(limits) {}

    std::vector<Json> documents;
    std::optional<Error> problem;

    void OnDocumentStart(const YAML::Mark&) override { anchors_.clear(); }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, anchor, nullptr, 1); }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        if (!is_utf8(value)) return refuse_scalar(mark, "not valid UTF-8");
        const bool plain = tag == "?" || tag.empty();  // "!" is quoted
        add(mark, anchor, plain ? plain_scalar(value) : Json(value), 1);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto at = anchors_.find(anchor);
        if (at == anchors_.end()) return refuse(mark, "an alias of a node that is not finished");
        nodes_ += at->second.nodes;
        if (nodes_ > limits_.nodes)
            return refuse(mark, fmt::format("more than {} nodes with aliases put in", limits_.nodes));
        if (problem) return;
        add(mark, 0, at->second.value, at->second.nodes);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, anchor, Json::array());
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, anchor, Json::object());
    }
    void OnMapEnd() override { close(); }

  private:
    struct Frame {
        Json value;
        YAML::anchor_t anchor = 0;
        YAML::Mark mark;
        std::optional<std::string> key;
        std::size_t nodes = 1;
        std::vector<Json> merges;
    };
    struct Anchored {
        Json value;
        std::size_t nodes;
    };

    void refuse(const YAML::Mark& mark, std::string what) {
        if (!problem)
            problem = Error{
                ErrorCode::kInvalid, fmt::format("line {}, column {}: {}", mark.line + 1, mark.column + 1, what), {}};
    }

    void refuse_scalar(const YAML::Mark& mark, std::string what) {
        refuse(mark, std::move(what));
        add(mark, 0, nullptr, 1);
    }

    void open(const YAML::Mark& mark, YAML::anchor_t anchor, Json value) {
        if (static_cast<int>(stack_.size()) >= limits_.depth)
            refuse(mark, fmt::format("nested deeper than {} levels", limits_.depth));
        stack_.push_back({std::move(value), anchor, mark, {}, 1, {}});
    }

    void close() {
        Frame frame = std::move(stack_.back());
        stack_.pop_back();
        for (const auto& merged : frame.merges)
            for (const auto& [key, value] : merged.items())
                if (!frame.value.contains(key)) frame.value[key] = value;
        add(frame.mark, frame.anchor, std::move(frame.value), frame.nodes);
    }

    void add(const YAML::Mark& mark, YAML::anchor_t anchor, Json value, std::size_t nodes) {
        if (++nodes_ > limits_.nodes) refuse(mark, fmt::format("more than {} nodes", limits_.nodes));
        if (problem) value = nullptr;  // from here on only the shape is followed
        if (anchor != 0 && !problem) anchors_[anchor] = {value, nodes};
        if (stack_.empty()) {
            if (!value.is_null()) documents.push_back(std::move(value));
            return;
        }
        Frame& parent = stack_.back();
        parent.nodes += nodes;
        if (parent.value.is_array())
            parent.value.push_back(std::move(value));
        else if (!parent.key)
            set_key(mark, parent, value);
        else
            set_member(mark, parent, std::move(value));
    }

    void set_key(const YAML::Mark& mark, Frame& parent, const Json& key) {
        if (key.is_structured()) refuse(mark, "a key must be a scalar");
        parent.key = problem ? "" : key_text(key);
        if (!problem && *parent.key != "<<" && parent.value.contains(*parent.key))
            refuse(mark, fmt::format("the key '{}' stands twice in one map", *parent.key));
    }

    void set_member(const YAML::Mark& mark, Frame& parent, Json value) {
        const std::string key = std::exchange(parent.key, std::nullopt).value();
        if (key != "<<") {
            if (!problem) parent.value[key] = std::move(value);
            return;
        }
        const std::vector<Json> sources = value.is_array() ? value.get<std::vector<Json>>() : std::vector<Json>{value};
        for (const auto& source : sources) {
            if (!source.is_object()) return refuse(mark, "'<<' merges maps only");
            parent.merges.push_back(source);
        }
    }

    const YamlLimits& limits_;
    std::vector<Frame> stack_;
    std::map<YAML::anchor_t, Anchored> anchors_;
    std::size_t nodes_ = 0;
};

}  // namespace

Result<std::vector<Json>> parse_yaml(std::string_view text, const YamlLimits& limits) {
    if (text.size() > limits.bytes)
        return fail(ErrorCode::kInvalid, "{} bytes of YAML; at most {} are accepted", text.size(), limits.bytes);
    Builder builder(limits);
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder) && !builder.problem) {
        }
    } catch (const YAML::Exception& error) {
        return fail(ErrorCode::kInvalid, "not valid YAML: line {}, column {}: {}", error.mark.line + 1,
                    error.mark.column + 1, error.msg);
    }
    if (builder.problem) return std::unexpected(*builder.problem);
    return std::move(builder.documents);
}

}  // namespace weft
