#include "policy/name_lists.hpp"

#include "policy/digest.hpp"

namespace weft::policy {

namespace {

std::string key_of(const NameList& list) {
    std::string text;
    for (const auto& choice : list) {
        text += fmt::format("{} {} {}", choice.rule, choice.audit, choice.unlogged);
        for (const auto& pattern : choice.patterns) text += " " + pattern;
        text += "\n";
    }
    return "names/" + Digest::of(text).hex();
}

}  // namespace

std::uint32_t NameLists::number_of(const NameList& list) {
    const auto [at, is_new] = numbers_of_.try_emplace(key_of(list), 0U);
    if (!is_new) return at->second;
    auto number = numbers_.number(NumberKind::kNameList, at->first);
    if (!number) {
        error_ = std::move(number).error();
        numbers_of_.erase(at);
        return 0;
    }
    image_.tables().name_lists.insert_or_assign(*number, list);
    return at->second = *number;
}

void NameLists::keep(const std::set<std::uint32_t>& used) {
    std::erase_if(numbers_of_, [&](const auto& entry) {
        if (used.contains(entry.second)) return false;
        image_.tables().name_lists.erase(entry.second);
        numbers_.unused(NumberKind::kNameList, entry.second);
        return true;
    });
}

Result<void> NameLists::error() const {
    if (error_) return std::unexpected(*error_);
    return {};
}

}  // namespace weft::policy
