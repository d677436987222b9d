#include "policy/classes.hpp"

#include <algorithm>

namespace weft::policy {

Classes::Classes(const Atoms& atoms, const ListInterner& block_lists, Numbers& numbers)
    : atoms_(atoms), block_lists_(block_lists), numbers_(numbers) {
    for (const auto* set : atoms.pod_set_of) pod_digests_.push_back(Digest::of(set->text()));
    for (const auto* block : atoms.blocks) block_digests_.push_back(Digest::of("addresses " + block->text()));
    for (std::uint32_t i = 0; i < atoms.names.size(); ++i)
        names_[atoms.names[i].name].emplace_back(atoms.names[i].protocol, i);
    classes_.emplace_back();
    indices_.emplace(Key{}, 0U);
}

std::vector<std::uint32_t> Classes::match(const LabelSets& sets) {
    std::vector<std::uint32_t> out(sets.sets.size(), 0);
    if (atoms_.pod_sets.size() == 0) return out;
    PodSetIndex::Matcher matcher(atoms_.pod_sets);
    std::vector<std::uint32_t> matched;
    for (std::size_t i = 0; i < sets.sets.size(); ++i) {
        const auto& set = sets.sets[i];
        if (i == 0 || set.namespace_ != sets.sets[i - 1].namespace_)
            matcher.enter(sets.namespaces[set.namespace_].name, sets.namespaces[set.namespace_].labels);
        matcher.match(*set.labels, matched);
        out[i] = pod_lists_.number(matched);
    }
    return out;
}

std::uint32_t Classes::resolve(const Pod& pod) {
    if (names_.empty() || pod.ports.empty()) return 0;
    std::vector<std::uint32_t> list;
    for (const auto& port : pod.ports) {
        const auto name = names_.find(port.name);
        if (name == names_.end()) continue;
        for (const auto& [protocol, atom] : name->second)
            if (protocol == port.protocol) list.push_back(resolved_port(atom, port.port));
    }
    std::ranges::sort(list);
    return port_lists_.number(list);
}

std::uint32_t Classes::traits(std::span<const Entity> entities, const Labels* node) {
    std::vector<std::uint32_t> list;
    for (std::uint32_t i = 0; i < atoms_.traits.size(); ++i) {
        const auto* nodes = std::get_if<NodeSet>(&atoms_.traits[i]);
        const bool has = nodes != nullptr
                             ? node != nullptr && nodes->nodes.matches(*node)
                             : std::ranges::find(entities, std::get<Entity>(atoms_.traits[i])) != entities.end();
        if (has) list.push_back(i);
    }
    return trait_lists_.number(list);
}

std::uint32_t Classes::resolved_port(std::uint32_t name, std::uint16_t port) {
    const auto [at, is_new] =
        resolved_numbers_.try_emplace(std::uint64_t{name} << 16 | port, static_cast<std::uint32_t>(resolved_.size()));
    if (is_new) resolved_.push_back({name, port});
    return at->second;
}

std::vector<ResolvedPort> Classes::ports(const Class& of) const {
    std::vector<ResolvedPort> out;
    for (const auto atom : port_lists_.list(of.ports)) out.push_back(resolved_[atom]);
    std::ranges::sort(out, {}, [](const ResolvedPort& port) { return std::pair(port.name, port.port); });
    return out;
}

Digest Classes::digest(const Key& key) const {
    Digest sum;
    for (const auto atom : pod_lists_.list(key.pods)) sum.add(pod_digests_[atom]);
    for (const auto atom : block_lists_.list(key.blocks)) sum.add(block_digests_[atom]);
    for (const auto atom : trait_lists_.list(key.traits)) sum.add(Digest::of(text_of(atoms_.traits[atom])));
    for (const auto atom : port_lists_.list(key.ports)) {
        const auto& name = atoms_.names[resolved_[atom].name];
        sum.add(Digest::of(fmt::format("port {}/{}={}", name.protocol, name.name, resolved_[atom].port)));
    }
    return sum;
}

Result<std::uint32_t> Classes::of(const Key& key) {
    const auto [at, is_new] = indices_.try_emplace(key, static_cast<std::uint32_t>(classes_.size()));
    if (!is_new) return at->second;
    WEFT_TRY(number, numbers_.number(NumberKind::kClass, "class/" + digest(key).hex()));
    if (!taken_.insert(number).second)
        return fail(ErrorCode::kInternal, "two classes have one digest ({})", digest(key).hex());
    classes_.push_back({number, key.pods, key.blocks, key.traits, key.ports});
    return at->second;
}

}  // namespace weft::policy
