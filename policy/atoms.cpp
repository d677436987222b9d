#include "policy/atoms.hpp"

#include <algorithm>

namespace weft::policy {

std::string text_of(const Trait& trait) {
    if (const auto* nodes = std::get_if<NodeSet>(&trait)) return nodes->text();
    return fmt::format("entity {}", static_cast<int>(std::get<Entity>(trait)));
}

std::uint32_t PodSetAtoms::acquire(const PodSet& set) {
    const auto [number, is_new] = index_.acquire(set);
    if (!is_new) return number;
    if (digests_.size() <= number) digests_.resize(number + 1);
    digests_[number] = Digest::of(set.text());
    born_.push_back(number);
    return number;
}

const std::vector<std::uint32_t>& PodSetAtoms::dying() {
    std::ranges::sort(dying_);
    const auto rest = std::ranges::unique(dying_);
    dying_.erase(rest.begin(), rest.end());
    std::erase_if(dying_, [&](std::uint32_t number) { return index_.held(number); });
    return dying_;
}

void PodSetAtoms::bury() {
    for (const auto number : dying()) index_.erase(number);
    dying_.clear();
}

}  // namespace weft::policy
