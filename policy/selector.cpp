#include "policy/selector.hpp"

#include <algorithm>
#include <array>

#include "policy/names.hpp"

namespace weft::policy {

namespace {

Result<std::string> label_key(const std::string& key, const JsonView& at) {
    if (auto problem = label_key_problem(key); !problem.empty())
        return at.error(fmt::format("'{}' is not a label key: {}", key.substr(0, 320), problem));
    return key;
}

Result<std::string> label_value(const JsonView& at) {
    WEFT_TRY(value, at.string());
    if (auto problem = label_value_problem(value); !problem.empty())
        return at.error(fmt::format("'{}' is not a label value: {}", value.substr(0, 64), problem));
    return value;
}

constexpr std::array<std::pair<std::string_view, Operator>, 4> kOperators = {
    {{"In", Operator::kIn},
     {"NotIn", Operator::kNotIn},
     {"Exists", Operator::kExists},
     {"DoesNotExist", Operator::kDoesNotExist}}};

Result<Operator> parse_operator(const JsonView& at) {
    WEFT_TRY(text, at.string());
    for (const auto& [name, op] : kOperators)
        if (name == text) return op;
    return at.error(fmt::format("'{}' is not an operator: use In, NotIn, Exists or DoesNotExist", text.substr(0, 64)));
}

Result<Requirement> parse_expression(const JsonView& view, const KeyReader& read_key) {
    WEFT_CHECK(view.only({"key", "operator", "values"}));
    WEFT_TRY(key_view, view.member("key"));
    WEFT_TRY(key_text, key_view.string());
    WEFT_TRY(key, read_key(key_text, key_view));
    WEFT_TRY(op_view, view.member("operator"));
    WEFT_TRY(op, parse_operator(op_view));
    Requirement out{std::move(key), op, {}};
    const bool takes_values = op == Operator::kIn || op == Operator::kNotIn;
    WEFT_TRY(values, view.find("values"));
    if (values) {
        WEFT_TRY(items, values->array());
        if (!takes_values && !items.empty()) return values->error("must be empty for Exists and DoesNotExist");
        for (const auto& item : items) {
            WEFT_TRY(value, label_value(item));
            out.values.push_back(std::move(value));
        }
    }
    if (takes_values && out.values.empty()) return view.error("'values' must not be empty for In and NotIn");
    return out;
}

std::string joined(const std::vector<std::string>& values) {
    return fmt::format("{}", fmt::join(values, ","));
}

std::string text_of(const Requirement& requirement) {
    switch (requirement.op) {
        case Operator::kIn:
            return requirement.values.size() == 1
                       ? fmt::format("{}={}", requirement.key, requirement.values.front())
                       : fmt::format("{} in ({})", requirement.key, joined(requirement.values));
        case Operator::kNotIn:
            return fmt::format("{} notin ({})", requirement.key, joined(requirement.values));
        case Operator::kExists:
            return requirement.key;
        case Operator::kDoesNotExist:
            return "!" + requirement.key;
    }
    return {};
}

}  // namespace

Result<Labels> parse_labels(const JsonView& view) {
    WEFT_TRY(members, view.object());
    Labels out;
    for (const auto& [name, at] : members) {
        WEFT_TRY(key, label_key(name, at));
        WEFT_TRY(value, label_value(at));
        out.emplace(std::move(key), std::move(value));
    }
    return out;
}

bool Requirement::matches(const Labels& labels) const {
    const auto found = labels.find(key);
    const bool present = found != labels.end();
    switch (op) {
        case Operator::kIn:
            return present && std::ranges::binary_search(values, found->second);
        case Operator::kNotIn:
            return !present || !std::ranges::binary_search(values, found->second);
        case Operator::kExists:
            return present;
        case Operator::kDoesNotExist:
            return !present;
    }
    return false;
}

LabelSelector::LabelSelector(std::vector<Requirement> requirements) : requirements_(std::move(requirements)) {
    const auto tidy = [](auto& items) {
        std::ranges::sort(items);
        const auto rest = std::ranges::unique(items);
        items.erase(rest.begin(), rest.end());
    };
    for (auto& requirement : requirements_) tidy(requirement.values);
    tidy(requirements_);
}

Result<std::vector<Requirement>> parse_requirements(const JsonView& view, const KeyReader& read_key) {
    WEFT_CHECK(view.only({"matchLabels", "matchExpressions"}));
    std::vector<Requirement> out;
    WEFT_TRY(match_labels, view.find("matchLabels"));
    if (match_labels) {
        WEFT_TRY(members, match_labels->object());
        for (const auto& [name, at] : members) {
            WEFT_TRY(key, read_key(name, at));
            WEFT_TRY(value, label_value(at));
            out.push_back({std::move(key), Operator::kIn, {std::move(value)}});
        }
    }
    WEFT_TRY(match_expressions, view.find("matchExpressions"));
    if (match_expressions) {
        WEFT_TRY(expressions, match_expressions->array());
        for (const auto& expression : expressions) {
            WEFT_TRY(requirement, parse_expression(expression, read_key));
            out.push_back(std::move(requirement));
        }
    }
    return out;
}

Result<LabelSelector> LabelSelector::parse(const JsonView& view) {
    WEFT_TRY(requirements, parse_requirements(view, label_key));
    return LabelSelector(std::move(requirements));
}

bool LabelSelector::matches(const Labels& labels) const {
    return std::ranges::all_of(requirements_,
                               [&](const Requirement& requirement) { return requirement.matches(labels); });
}

std::string LabelSelector::text() const {
    if (requirements_.empty()) return "<all>";
    std::string out;
    for (const auto& requirement : requirements_) {
        if (!out.empty()) out += ',';
        out += text_of(requirement);
    }
    return out;
}

}  // namespace weft::policy
