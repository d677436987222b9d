// Labels and the Kubernetes LabelSelector (meta/v1).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/json.hpp"

namespace weft::policy {

using Labels = std::map<std::string, std::string, std::less<>>;

// An object of strings whose keys and values are valid labels.
Result<Labels> parse_labels(const JsonView& view);

enum class Operator { kIn, kNotIn, kExists, kDoesNotExist };

struct Requirement {
    std::string key;
    Operator op = Operator::kIn;
    std::vector<std::string> values;  // sorted, unique; empty for kExists and kDoesNotExist

    bool matches(const Labels& labels) const;
    friend auto operator<=>(const Requirement&, const Requirement&) = default;
};

// Gives the key that a requirement is about from the key as it is written, or says what is wrong with it.
using KeyReader = std::function<Result<std::string>(const std::string& written, const JsonView& at)>;
// The requirements of {"matchLabels": {...}, "matchExpressions": [...]}, in the document's order.
Result<std::vector<Requirement>> parse_requirements(const JsonView& view, const KeyReader& read_key);

// In canonical form: requirements sorted and unique, matchLabels as In with one value. Two selectors that are written
// alike but in another order are equal. No requirement: matches everything.
class LabelSelector {
  public:
    LabelSelector() = default;
    explicit LabelSelector(std::vector<Requirement> requirements);

    // {"matchLabels": {...}, "matchExpressions": [...]}, with the API server's checks.
    static Result<LabelSelector> parse(const JsonView& view);

    bool matches(const Labels& labels) const;
    bool empty() const { return requirements_.empty(); }
    const std::vector<Requirement>& requirements() const { return requirements_; }
    // "app=web,env in (dev,test),!legacy,tier"; "<all>" when empty. Equal texts mean equal selectors.
    std::string text() const;

    friend bool operator==(const LabelSelector&, const LabelSelector&) = default;

  private:
    std::vector<Requirement> requirements_;
};

}  // namespace weft::policy
