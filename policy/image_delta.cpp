#include "policy/image_delta.hpp"

namespace weft::policy {

namespace {

template <typename Value>
void compare(const std::map<std::uint32_t, Value>& before, const std::map<std::uint32_t, Value>& after,
             ImageDelta::Before<std::uint32_t, Value>& out) {
    for (const auto& [number, value] : before) {
        const auto at = after.find(number);
        if (at == after.end() || !(at->second == value)) out.emplace(number, value);
    }
    for (const auto& [number, value] : after)
        if (!before.contains(number)) out.emplace(number, std::nullopt);
}

}  // namespace

void ImageEditor::end_whole() {
    compare(before_.rules, image_.rules, delta_.rules);
    compare(before_.identities, image_.identities, delta_.identities);
    before_ = {};
}

void ImageEditor::set_endpoint(std::uint32_t number, const std::optional<std::array<std::uint32_t, 2>>& policies) {
    delta_.endpoints.insert(number);
    if (policies)
        image_.endpoints[number] = *policies;
    else
        image_.endpoints.erase(number);
    if (!policies) image_.audits.erase(number);
}

void ImageEditor::set_audits(std::uint32_t number, const std::optional<std::array<std::uint32_t, 2>>& policies) {
    delta_.endpoints.insert(number);
    if (policies)
        image_.audits[number] = *policies;
    else
        image_.audits.erase(number);
}

void ImageEditor::derive(std::uint32_t number, std::uint32_t from, std::set<std::uint32_t> classes) {
    if (!delta_.whole) delta_.policies[number] = {from, std::move(classes)};
}

}  // namespace weft::policy
