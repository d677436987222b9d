#include "policy/table.hpp"

#include <algorithm>

namespace weft::policy {

namespace {

std::vector<PortRange> ranges_of(const Rule& rule, const std::vector<NamedPort>& named) {
    if (rule.any_port) return {PortRange{}};
    std::vector<PortRange> out;
    for (const auto& port : rule.ports) {
        if (port.name.empty()) {
            out.push_back({port_number(port.protocol, port.first), port_number(port.protocol, port.last)});
            continue;
        }
        for (const auto& known : named) {
            if (known.name != port.name || known.protocol != port.protocol) continue;
            const auto number = port_number(known.protocol, known.port);
            out.push_back({number, number});
        }
    }
    return out;
}

struct Hash {
    std::size_t operator()(const Table::Ranks& list) const { return hash_words(list); }
};

}  // namespace

Table::Table(const Atoms& atoms, const Classes& classes, const Specs& specs, NameLists& lists, const TableKey& key,
             const PortRow& otherwise)
    : atoms_(atoms), classes_(classes), specs_(specs), lists_(lists), otherwise_(otherwise) {
    rank(key);
    unnamed_ = rows(always_, 0);
}

// A pod that is isolated is decided about by the end of the NetworkPolicy tier.
void Table::rank(const TableKey& key) {
    for (const auto spec : key.specs) {
        for (const auto& compiled : specs_[spec].rules) {
            const auto& rule = *compiled.rule;
            if (rule.direction != key.direction || (otherwise_.by_default && rule.tier > kNetworkPolicyTier)) continue;
            ranked_.push_back(&compiled);
            auto& required = required_[rule.action == Action::kDeny];
            required.insert(required.end(), compiled.required.begin(), compiled.required.end());
        }
    }
    std::ranges::stable_sort(
        ranked_, {}, [](const CompiledRule* rule) { return std::pair(rule->rule->tier, rule->rule->priority); });
    for (std::uint32_t i = 0; i < ranked_.size(); ++i) {
        ranges_.push_back(ranges_of(*ranked_[i]->rule, key.ports));
        if (ranked_[i]->rule->any_peer) always_.push_back(i);
        if (!ranked_[i]->patterns.empty()) by_name_.push_back(i);
        resolves_names_ |= !ranked_[i]->names.empty();
        file(i);
    }
}

void Table::file(std::uint32_t rank) {
    const auto& rule = *ranked_[rank];
    const auto add = [&](Classes::Kind kind, const std::vector<std::uint32_t>& atoms) {
        for (const auto atom : atoms) by_atom_[atom_key(kind, atom)].push_back(rank);
    };
    add(Classes::kPodSet, rule.pod_sets);
    add(Classes::kBlock, rule.blocks);
    add(Classes::kTrait, rule.traits);
    if (rule.rule->any_peer) add(Classes::kName, rule.names);
}

// Whether the class is in every pod set that rules of that action require.
bool Table::fulfils(std::uint32_t class_index, bool deny) const {
    const auto& has = classes_.list(classes_[class_index].key.pods);
    return std::ranges::all_of(required_[deny],
                               [&](std::uint32_t atom) { return std::ranges::binary_search(has, atom); });
}

// Whether the rule matches a class that has one of its atoms.
bool Table::matches(Classes::Kind kind, std::uint32_t rank, std::uint32_t class_index) const {
    const auto& rule = *ranked_[rank]->rule;
    if (!rule.constrained || kind == Classes::kBlock || kind == Classes::kName) return true;
    const bool deny = rule.action == Action::kDeny;
    return kind == Classes::kPodSet ? fulfils(class_index, deny) : required_[deny].empty();
}

std::optional<PortRows> Table::rows_of(std::uint32_t class_index) {
    Ranks matched;
    classes_.each_atom(classes_[class_index], [&](Classes::Kind kind, std::uint32_t atom) {
        const auto at = by_atom_.find(atom_key(kind, atom));
        if (at == by_atom_.end()) return;
        for (const auto rank : at->second)
            if (matches(kind, rank, class_index)) matched.push_back(rank);
    });
    if (matched.empty()) return std::nullopt;
    std::ranges::sort(matched);
    const auto rest = std::ranges::unique(matched);
    matched.erase(rest.begin(), rest.end());
    auto out = decided(matched, class_index);
    return out == unnamed_ ? std::nullopt : std::optional(std::move(out));
}

std::map<std::uint32_t, PortRows> Table::all_rows() {
    std::vector<std::uint64_t> pairs;  // class << 32 | rank
    for (const auto& [key, ranks] : by_atom_) {
        const auto kind = static_cast<Classes::Kind>(key >> 32);
        for (const auto index : classes_.members(kind, static_cast<std::uint32_t>(key))) {
            if (classes_[index].holders == 0) continue;
            for (const auto rank : ranks)
                if (matches(kind, rank, index)) pairs.push_back(std::uint64_t{index} << 32 | rank);
        }
    }
    std::ranges::sort(pairs);
    const auto rest = std::ranges::unique(pairs);
    pairs.erase(rest.begin(), rest.end());
    std::unordered_map<Ranks, PortRows, Hash> memo;
    std::map<std::uint32_t, PortRows> out;
    Ranks matched;
    for (std::size_t at = 0; at < pairs.size();) {
        const auto index = static_cast<std::uint32_t>(pairs[at] >> 32);
        matched.clear();
        for (; at < pairs.size() && pairs[at] >> 32 == index; ++at)
            matched.push_back(static_cast<std::uint32_t>(pairs[at]));
        auto key = matched;
        key.push_back(resolves_names_ ? classes_[index].key.ports : 0);
        key.push_back(outside(index) ? 1 : 0);
        const auto [known, is_new] = memo.try_emplace(std::move(key));
        if (is_new) known->second = decided(matched, index);
        if (known->second != unnamed_) out.emplace(classes_[index].number, known->second);
    }
    return out;
}

// The rows of a class that the rules `matched` match besides those without peers.
PortRows Table::decided(const Ranks& matched, std::uint32_t class_index) const {
    Ranks rules;
    std::ranges::set_union(matched, always_, std::back_inserter(rules));
    return rows(rules, class_index);
}

RankedRule Table::ranked(std::uint32_t rank) const {
    const auto& rule = *ranked_[rank];
    const auto& policy = *specs_[rule.spec].policy;
    return {rule.rule->tier, rule.rule->action, rule.number, ranges_[rank], policy.audit, !policy.logged};
}

NameChoice Table::choice(std::uint32_t rank) const {
    const auto rule = ranked(rank);
    NameChoice out{.rule = rule.number, .audit = rule.audit, .unlogged = rule.unlogged, .patterns = {}};
    for (const auto atom : ranked_[rank]->patterns) out.patterns.push_back(atoms_.patterns.value(atom));
    std::ranges::sort(out.patterns);
    return out;
}

// Names are for what is outside: they say nothing of a class of pods.
PortRows Table::rows(const Ranks& rules, std::uint32_t class_index) const {
    Ranks all;
    std::ranges::set_union(rules, outside(class_index) ? by_name_ : Ranks{}, std::back_inserter(all));
    std::vector<std::vector<PortRange>> resolved;  // of rules that name ports of the peer
    resolved.reserve(all.size());
    std::vector<RankedRule> ranked_rules;
    ranked_rules.reserve(all.size());
    for (const auto rank : all) {
        auto& rule = ranked_rules.emplace_back(ranked(rank));
        rule.by_name = !std::ranges::binary_search(rules, rank);
        if (ranked_[rank]->names.empty()) continue;
        resolved.push_back(ranges_of(*ranked_[rank]->rule, ports_of(class_index)));
        rule.ranges = resolved.back();
    }
    return decide_rows(ranked_rules, otherwise_, [&](const std::vector<std::uint32_t>& named) {
        NameList list;
        for (const auto index : named) list.push_back(choice(all[index]));
        return lists_.number_of(list);
    });
}

std::vector<NamedPort> Table::ports_of(std::uint32_t class_index) const {
    std::vector<NamedPort> out;
    for (const auto& port : classes_.ports(classes_[class_index])) {
        const auto& name = atoms_.names.value(port.name);
        out.push_back({name.name, name.protocol, port.port});
    }
    return out;
}

}  // namespace weft::policy
