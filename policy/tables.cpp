#include "policy/tables.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "policy/compile.hpp"
#include "policy/port_rows.hpp"

namespace weft::policy {

namespace {

using Indices = std::vector<std::uint32_t>;

std::size_t slot(Direction direction) {
    return static_cast<std::size_t>(direction);
}

// Which classes have an atom.
struct Members {
    std::vector<Indices> of_pod_set, of_block, of_trait, of_name;  // atom -> classes

    Members(const Atoms& atoms, const Classes& classes)
        : of_pod_set(atoms.pod_set_of.size()),
          of_block(atoms.blocks.size()),
          of_trait(atoms.traits.size()),
          of_name(atoms.names.size()) {
        for (std::uint32_t i = 0; i < classes.all().size(); ++i) {
            for (const auto atom : classes.pod_sets(classes.all()[i])) of_pod_set[atom].push_back(i);
            for (const auto atom : classes.blocks(classes.all()[i])) of_block[atom].push_back(i);
            for (const auto atom : classes.traits(classes.all()[i])) of_trait[atom].push_back(i);
            for (const auto& port : classes.ports(classes.all()[i])) of_name[port.name].push_back(i);
        }
    }
};

// Of the tiers with priorities, one that an object can state (a BaselineAdminNetworkPolicy has none).
std::optional<int> stated_priority(const Rule& rule) {
    if (rule.tier == kNetworkPolicyTier || rule.priority > kMaxPriority) return std::nullopt;
    return rule.priority;
}

// What an endpoint's table depends on: endpoints with equal keys share the table.
struct TableKey {
    Direction direction = Direction::kEgress;
    Indices specs;
    std::vector<NamedPort> ports;  // of the subject, as far as ingress rules name them
    friend auto operator<=>(const TableKey&, const TableKey&) = default;
};

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

// Builds one table.
class TableBuilder {
  public:
    TableBuilder(const Atoms& atoms, const Classes& classes, const Members& members, const TableKey& key,
                 const PortRow& otherwise)
        : atoms_(atoms), classes_(classes), members_(members), key_(key), otherwise_(otherwise) {
        rank();
    }

    // Error kExhausted when the table has more than `most` classes.
    Result<PolicyTable> run(std::size_t most) {
        PolicyTable out{.direction = key_.direction, .unnamed = rows(always_, 0), .classes = {}};
        const auto pairs = matches();
        std::vector<std::pair<std::uint32_t, const PortRows*>> found;
        for (std::size_t at = 0; at < pairs.size();) {
            const auto class_index = static_cast<std::uint32_t>(pairs[at] >> 32);
            matched_.clear();
            for (; at < pairs.size() && pairs[at] >> 32 == class_index; ++at) {
                const auto rank = static_cast<std::uint32_t>(pairs[at]);
                if (matched_.empty() || matched_.back() != rank) matched_.push_back(rank);
            }
            const auto& decided = remembered(class_index);
            if (decided != out.unnamed) found.emplace_back(classes_.all()[class_index].number, &decided);
        }
        if (found.size() > most)
            return fail(ErrorCode::kExhausted, "the compiled policies have more than {} classes in all",
                        kMaxPolicyClasses);
        std::ranges::sort(found, {}, [](const auto& entry) { return entry.first; });
        for (const auto& [number, decided] : found) out.classes.emplace_hint(out.classes.end(), number, *decided);
        return out;
    }

  private:
    // The table's rules, highest precedence first; from here on a rule is its rank. A pod that is isolated is decided
    // about by the end of the NetworkPolicy tier.
    void rank() {
        for (const auto spec : key_.specs) {
            const auto& in_force = atoms_.specs[spec];
            for (std::uint32_t i = in_force.first_rule; i < in_force.first_rule + in_force.rules; ++i) {
                const auto& rule = *atoms_.rules[i].rule;
                if (rule.direction != key_.direction || (otherwise_.by_default && rule.tier > kNetworkPolicyTier))
                    continue;
                ranked_.push_back(&atoms_.rules[i]);
                auto& required = required_[rule.action == Action::kDeny];
                required.insert(required.end(), atoms_.rules[i].required.begin(), atoms_.rules[i].required.end());
            }
        }
        std::ranges::stable_sort(
            ranked_, {}, [](const CompiledRule* rule) { return std::pair(rule->rule->tier, rule->rule->priority); });
        for (std::uint32_t i = 0; i < ranked_.size(); ++i) {
            ranges_.push_back(ranges_of(*ranked_[i]->rule, key_.ports));
            if (ranked_[i]->rule->any_peer) always_.push_back(i);
            resolves_names_ |= !ranked_[i]->names.empty();
        }
    }

    // Whether the class is in every pod set that rules of that action require.
    bool fulfils(std::uint32_t class_index, bool deny) const {
        const auto& has = classes_.pod_sets(classes_.all()[class_index]);
        return std::ranges::all_of(required_[deny],
                                   [&](std::uint32_t atom) { return std::ranges::binary_search(has, atom); });
    }

    // (class << 32 | rank) for every class that a rule with peers matches, or whose named ports an egress rule needs;
    // sorted by class.
    std::vector<std::uint64_t> matches() const {
        std::vector<std::uint64_t> out;
        const auto add = [&](const Indices& classes, std::uint32_t rank) {
            for (const auto index : classes) out.push_back(std::uint64_t{index} << 32 | rank);
        };
        for (std::uint32_t i = 0; i < ranked_.size(); ++i) {
            const auto& rule = *ranked_[i];
            const bool deny = rule.rule->action == Action::kDeny;
            for (const auto atom : rule.pod_sets)
                for (const auto index : members_.of_pod_set[atom])
                    if (!rule.rule->constrained || fulfils(index, deny)) out.push_back(std::uint64_t{index} << 32 | i);
            for (const auto atom : rule.blocks) add(members_.of_block[atom], i);
            if (!rule.rule->constrained || required_[deny].empty())
                for (const auto atom : rule.traits) add(members_.of_trait[atom], i);
            if (rule.rule->any_peer)
                for (const auto atom : rule.names) add(members_.of_name[atom], i);
        }
        std::ranges::sort(out);
        return out;
    }

    // The rows of a class that the rules `matched_` match besides those without peers.
    const PortRows& remembered(std::uint32_t class_index) {
        memo_key_ = matched_;
        memo_key_.push_back(resolves_names_ ? classes_.all()[class_index].ports : 0);
        const auto [at, is_new] = memo_.try_emplace(memo_key_);
        if (is_new) {
            Indices rules;
            std::ranges::set_union(matched_, always_, std::back_inserter(rules));
            at->second = rows(rules, class_index);
        }
        return at->second;
    }

    PortRows rows(const Indices& rules, std::uint32_t class_index) const {
        std::vector<std::vector<PortRange>> resolved;  // of rules that name ports of the peer
        resolved.reserve(rules.size());
        std::vector<RankedRule> ranked;
        ranked.reserve(rules.size());
        for (const auto rank : rules) {
            const auto& rule = *ranked_[rank];
            if (!rule.names.empty()) resolved.push_back(ranges_of(*rule.rule, ports_of(class_index)));
            const auto& policy = *atoms_.specs[rule.spec].policy;
            ranked.push_back({rule.rule->tier, rule.rule->action, rule.number,
                              rule.names.empty() ? ranges_[rank] : resolved.back(), policy.audit, !policy.logged});
        }
        return decide_rows(ranked, otherwise_);
    }

    std::vector<NamedPort> ports_of(std::uint32_t class_index) const {
        std::vector<NamedPort> out;
        for (const auto& port : classes_.ports(classes_.all()[class_index]))
            out.push_back({std::string(atoms_.names[port.name].name), atoms_.names[port.name].protocol, port.port});
        return out;
    }

    struct Hash {
        std::size_t operator()(const Indices& list) const { return hash_words(list); }
    };

    const Atoms& atoms_;
    const Classes& classes_;
    const Members& members_;
    const TableKey& key_;
    const PortRow otherwise_;
    std::vector<const CompiledRule*> ranked_;
    std::vector<std::vector<PortRange>> ranges_;  // by rank; names are those of the subject (ingress)
    Indices always_;                              // ranks of rules without peers
    std::array<Indices, 2> required_;             // pod sets, by whether the rules deny
    bool resolves_names_ = false;
    std::unordered_map<Indices, PortRows, Hash> memo_;
    Indices matched_, memo_key_;
};

void append_rows(const PortRows& rows, std::string& out) {
    for (const auto& row : rows) {
        const std::uint32_t words[4] = {
            row.first, row.last, row.rule,
            (row.allow ? 1U : 0U) | (row.by_default ? 2U : 0U) | (row.audit ? 4U : 0U) | (row.unlogged ? 8U : 0U)};
        out.append(reinterpret_cast<const char*>(words), sizeof words);
    }
}

// A table's number follows from its content: a changed table has another number, so that it can be written beside the
// old.
std::string content_key(const PolicyTable& table) {
    std::string bytes;
    append_rows(table.unnamed, bytes);
    for (const auto& [number, rows] : table.classes) {
        const std::uint32_t words[2] = {number, static_cast<std::uint32_t>(rows.size())};
        bytes.append(reinterpret_cast<const char*>(words), sizeof words);
        append_rows(rows, bytes);
    }
    return fmt::format("{}/{}", to_string(table.direction), Digest::of(bytes).hex());
}

class Builder {
  public:
    Builder(const Atoms& atoms, const Classes& classes, Numbers& numbers, Image& image)
        : atoms_(atoms), classes_(classes), numbers_(numbers), image_(image), members_(atoms, classes) {}

    Result<void> run() {
        describe_rules();
        for (const auto& subject : atoms_.subjects) {
            auto& policies = image_.endpoints[subject.pod->endpoint];
            for (const auto direction : {Direction::kEgress, Direction::kIngress}) {
                WEFT_TRY(number, table_of(key_of(subject, direction, false)));
                policies[slot(direction)] = number;
                WEFT_CHECK(audit(subject, direction));
            }
        }
        return {};
    }

  private:
    void describe_rules() {
        for (const auto& rule : atoms_.rules) {
            const auto& in_force = atoms_.specs[rule.spec];
            image_.rules[rule.number] = {rule.rule->direction,        false,
                                         {in_force.policy->name},     rule.rule->index,
                                         rule.rule->place(),          rule.rule->tier,
                                         stated_priority(*rule.rule), in_force.policy->audit,
                                         in_force.policy->logged,     in_force.spec->log};
        }
    }

    bool audits(std::uint32_t spec) const { return atoms_.specs[spec].policy->audit; }

    // A second table of what is enforced and what is in audit mode together.
    Result<void> audit(const Subject& subject, Direction direction) {
        if (std::ranges::none_of(subject.specs, [&](std::uint32_t spec) { return audits(spec); })) return {};
        const auto key = key_of(subject, direction, true);
        if (std::ranges::none_of(key.specs, [&](std::uint32_t spec) { return audits(spec); })) return {};
        WEFT_TRY(number, table_of(key));
        image_.audits[subject.pod->endpoint][slot(direction)] = number;
        return {};
    }

    // `auditing`: with the policies in audit mode.
    TableKey key_of(const Subject& subject, Direction direction, bool auditing) const {
        TableKey key{direction, {}, {}};
        for (const auto index : subject.specs) {
            if (!auditing && audits(index)) continue;
            const auto& spec = *atoms_.specs[index].spec;
            bool concerns = spec.isolates[slot(direction)];
            for (const auto& rule : spec.rules) {
                if (rule.direction != direction) continue;
                concerns = true;
                if (direction == Direction::kIngress) add_named(rule, *subject.pod, key.ports);
            }
            if (concerns) key.specs.push_back(index);
        }
        std::ranges::sort(key.ports);
        const auto rest = std::ranges::unique(key.ports);
        key.ports.erase(rest.begin(), rest.end());
        return key;
    }

    static void add_named(const Rule& rule, const Pod& pod, std::vector<NamedPort>& out) {
        for (const auto& port : rule.ports) {
            if (port.name.empty()) continue;
            for (const auto& known : pod.ports)
                if (known.name == port.name && known.protocol == port.protocol) out.push_back(known);
        }
    }

    // What happens to packets that no rule decides.
    Result<PortRow> otherwise(const TableKey& key) {
        std::vector<PolicyName> isolating;
        std::string text;
        bool audit = false;
        for (const auto index : key.specs) {
            const auto& in_force = atoms_.specs[index];
            if (!in_force.spec->isolates[slot(key.direction)]) continue;
            if (!isolating.empty() && isolating.back() == in_force.policy->name) continue;
            isolating.push_back(in_force.policy->name);
            audit |= in_force.policy->audit;
            text += (in_force.policy->audit ? "audit " : "") + in_force.policy->key() + "\n";
        }
        if (isolating.empty()) return PortRow{.allow = true};
        WEFT_TRY(number, numbers_.number(NumberKind::kRule, fmt::format("default/{}/{}", to_string(key.direction),
                                                                        Digest::of(text).hex())));
        const RuleInfo info{
            .direction = key.direction, .by_default = true, .policies = std::move(isolating), .audit = audit};
        const auto [at, is_new] = image_.rules.try_emplace(number, info);
        if (!is_new && at->second != info) return fail(ErrorCode::kInternal, "two rules have one number ({})", number);
        return PortRow{.rule = number, .by_default = true, .audit = audit};
    }

    Result<std::uint32_t> table_of(const TableKey& key) {
        if (key.specs.empty()) return 0U;
        if (const auto at = tables_.find(key); at != tables_.end()) return at->second;
        WEFT_TRY(fallback, otherwise(key));
        WEFT_TRY(table, TableBuilder(atoms_, classes_, members_, key, fallback).run(kMaxPolicyClasses - class_rows_));
        WEFT_TRY(number, numbers_.number(NumberKind::kPolicy, content_key(table)));
        if (const auto at = image_.policies.find(number); at != image_.policies.end()) {
            if (at->second != table)
                return fail(ErrorCode::kInternal, "two compiled policies have one number ({})", number);
        } else {
            class_rows_ += table.classes.size();
            image_.policies.emplace(number, std::move(table));
        }
        tables_.emplace(key, number);
        return number;
    }

    const Atoms& atoms_;
    const Classes& classes_;
    Numbers& numbers_;
    Image& image_;
    Members members_;
    std::map<TableKey, std::uint32_t> tables_;
    std::size_t class_rows_ = 0;
};

}  // namespace

Result<void> build_tables(const Atoms& atoms, const Classes& classes, Numbers& numbers, Image& image) {
    return Builder(atoms, classes, numbers, image).run();
}

}  // namespace weft::policy
