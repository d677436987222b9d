#include "policy/classes.hpp"

#include <algorithm>

namespace weft::policy {

Classes::Classes(const Atoms& atoms, Numbers& numbers) : atoms_(atoms), numbers_(numbers) {
    classes_.add({.number = 0, .key = {}, .holders = 1});  // unknown: always there
    indices_.emplace(ClassKey{}, 0U);
    by_number_.emplace(0U, 0U);
}

std::uint32_t Classes::ports_of(const Pod& pod) {
    std::vector<ResolvedPort> found;
    for (const auto& port : pod.ports)
        if (const auto name = atoms_.names.find(fmt::format("{}/{}", port.protocol, port.name)))
            found.push_back({*name, port.port});
    if (found.empty()) return 0;
    std::ranges::sort(found);
    const auto rest = std::ranges::unique(found);
    found.erase(rest.begin(), rest.end());
    ListInterner::List list;
    for (const auto& port : found) {
        list.push_back(port.name);
        list.push_back(port.port);
    }
    return lists_.acquire(list);
}

std::uint32_t Classes::traits(std::span<const Entity> entities, const Labels* node) {
    ListInterner::List list;
    for (std::uint32_t i = 0; i < atoms_.traits.end(); ++i) {
        if (!atoms_.traits.held(i)) continue;
        const auto& trait = atoms_.traits.value(i);
        const auto* nodes = std::get_if<NodeSet>(&trait);
        const bool has = nodes != nullptr ? node != nullptr && nodes->nodes.matches(*node)
                                          : std::ranges::find(entities, std::get<Entity>(trait)) != entities.end();
        if (has) list.push_back(i);
    }
    return lists_.acquire(list);
}

std::vector<ResolvedPort> Classes::ports(const Class& of) const {
    const auto& list = lists_.list(of.key.ports);
    std::vector<ResolvedPort> out;
    for (std::size_t i = 0; i < list.size(); i += 2) out.push_back({list[i], static_cast<std::uint16_t>(list[i + 1])});
    return out;
}

Digest Classes::digest(const ClassKey& key) const {
    Digest sum;
    for (const auto atom : lists_.list(key.pods)) sum.add(atoms_.pod_sets.digest(atom));
    for (const auto atom : lists_.list(key.blocks)) sum.add(atoms_.blocks.digest(atom));
    for (const auto atom : lists_.list(key.traits)) sum.add(atoms_.traits.digest(atom));
    const auto& ports = lists_.list(key.ports);
    for (std::size_t i = 0; i < ports.size(); i += 2) {
        const auto& name = atoms_.names.value(ports[i]);
        sum.add(Digest::of(fmt::format("port {}/{}={}", name.protocol, name.name, ports[i + 1])));
    }
    return sum;
}

Result<std::uint32_t> Classes::acquire(const ClassKey& key) {
    const auto known = indices_.find(key);
    if (known != indices_.end()) {
        ++classes_[known->second].holders;
        return known->second;
    }
    WEFT_TRY(number, numbers_.number(NumberKind::kClass, "class/" + digest(key).hex()));
    if (by_number_.contains(number) && classes_[by_number_.at(number)].holders > 0)
        return fail(ErrorCode::kInternal, "two classes have one digest ({})", digest(key).hex());
    const auto index = classes_.add({number, key, 1});
    indices_.emplace(key, index);
    by_number_[number] = index;
    for (const auto list : {key.pods, key.blocks, key.traits, key.ports}) lists_.hold(list);
    each_atom(classes_[index], [&](Kind kind, std::uint32_t atom) { members_[kind][atom].push_back(index); });
    born_.push_back(index);
    return index;
}

const std::vector<std::uint32_t>& Classes::members(Kind kind, std::uint32_t atom) const {
    static const std::vector<std::uint32_t> kNone;
    const auto at = members_[kind].find(atom);
    return at == members_[kind].end() ? kNone : at->second;
}

const std::vector<std::uint32_t>& Classes::dying() {
    std::ranges::sort(dying_);
    const auto rest = std::ranges::unique(dying_);
    dying_.erase(rest.begin(), rest.end());
    std::erase_if(dying_, [&](std::uint32_t index) { return classes_[index].holders > 0; });
    return dying_;
}

void Classes::settle() {
    for (const auto index : dying()) {
        const auto gone = classes_[index];
        each_atom(gone, [&](Kind kind, std::uint32_t atom) {
            auto& list = members_[kind].at(atom);
            *std::ranges::find(list, index) = list.back();
            list.pop_back();
            if (list.empty()) members_[kind].erase(atom);
        });
        for (const auto list : {gone.key.pods, gone.key.blocks, gone.key.traits, gone.key.ports}) lists_.release(list);
        indices_.erase(gone.key);
        if (const auto at = by_number_.find(gone.number); at != by_number_.end() && at->second == index) {
            by_number_.erase(at);
            numbers_.unused(NumberKind::kClass, gone.number);
        }
        classes_.erase(index);
    }
    dying_.clear();
    born_.clear();
}

void Classes::release_all() {
    for (const auto& [number, index] : by_number_)
        if (number != 0) numbers_.unused(NumberKind::kClass, number);
}

}  // namespace weft::policy
