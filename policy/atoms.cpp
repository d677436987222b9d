#include "policy/atoms.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "policy/digest.hpp"

namespace weft::policy {

namespace {

constexpr std::uint32_t kNotInForce = std::numeric_limits<std::uint32_t>::max();

void tidy(std::vector<std::uint32_t>& list) {
    std::ranges::sort(list);
    const auto rest = std::ranges::unique(list);
    list.erase(rest.begin(), rest.end());
}

class AtomCollector {
  public:
    AtomCollector(const World& world, const LabelSets& sets, Numbers& numbers)
        : world_(world), sets_(sets), numbers_(numbers) {}

    Result<Atoms> run() {
        select_subjects();
        for (std::uint32_t i = 0; i < out_.specs.size(); ++i) WEFT_CHECK(take(i));
        out_.pod_sets.build();
        return std::move(out_);
    }

  private:
    // Which specs select each local pod; those that select none are not in force.
    void select_subjects() {
        PodSetIndex index;
        std::vector<SpecInForce> all;
        std::vector<std::vector<std::uint32_t>> specs_of;  // by subject set
        for (const auto& [name, policy] : world_.policies)
            for (const auto& spec : policy->specs) {
                const auto set = index.add(spec.subject);
                if (set == specs_of.size()) specs_of.emplace_back();
                specs_of[set].push_back(static_cast<std::uint32_t>(all.size()));
                all.push_back({policy.get(), &spec, 0, 0});
            }
        index.build();
        PodSetIndex::Matcher matcher(index);
        std::vector<std::uint32_t> matched;
        for (const auto& entry : sets_.pods) {
            if (entry.pod->endpoint == 0) continue;
            const auto& in = sets_.namespaces[sets_.sets[entry.label_set].namespace_];
            matcher.enter(in.name, in.labels);
            matcher.match(entry.pod->labels, matched);
            Subject subject{entry.pod, {}};
            for (const auto set : matched)
                subject.specs.insert(subject.specs.end(), specs_of[set].begin(), specs_of[set].end());
            std::ranges::sort(subject.specs);
            out_.subjects.push_back(std::move(subject));
        }
        number_specs(all);
    }

    void number_specs(const std::vector<SpecInForce>& all) {
        std::vector<std::uint32_t> number(all.size(), kNotInForce);
        for (const auto& subject : out_.subjects)
            for (const auto spec : subject.specs) number[spec] = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (number[i] == kNotInForce) continue;
            number[i] = static_cast<std::uint32_t>(out_.specs.size());
            out_.specs.push_back(all[i]);
        }
        for (auto& subject : out_.subjects)
            for (auto& spec : subject.specs) spec = number[spec];
    }

    Result<void> take(std::uint32_t index) {
        auto& in_force = out_.specs[index];
        in_force.first_rule = static_cast<std::uint32_t>(out_.rules.size());
        in_force.rules = static_cast<std::uint32_t>(in_force.spec->rules.size());
        for (const auto& rule : in_force.spec->rules) {
            CompiledRule compiled;
            compiled.rule = &rule;
            compiled.spec = index;
            WEFT_TRY(number, numbers_.number(NumberKind::kRule, rule_key(*in_force.policy, *in_force.spec, rule)));
            compiled.number = number;
            for (const auto& peer : rule.peers) std::visit([&](const auto& what) { take_peer(what, compiled); }, peer);
            for (const auto& set : rule.required) compiled.required.push_back(pod_set(set));
            if (rule.direction == Direction::kEgress) take_names(rule, compiled);
            for (auto* list :
                 {&compiled.pod_sets, &compiled.blocks, &compiled.traits, &compiled.required, &compiled.names})
                tidy(*list);
            out_.rules.push_back(std::move(compiled));
        }
        return {};
    }

    // What a rule's number, and so its counters, stand for: what the rule says, wherever in the policy it stands. Of
    // two that say the same, the second is another; and so is one in audit mode, which counts what would be.
    std::string rule_key(const Policy& policy, const Spec& spec, const Rule& rule) {
        const auto subject = policy.specs.size() > 1 ? spec.subject.text() : std::string();
        auto key = fmt::format("{}{}/{}", policy.audit ? "audit/" : "", policy.key(),
                               Digest::of(subject + "\n" + rule.text()).hex());
        const auto before = same_rules_[key]++;
        return before == 0 ? key : fmt::format("{}/{}", key, before);
    }

    std::uint32_t pod_set(const PodSet& set) {
        const auto atom = out_.pod_sets.add(set);
        if (atom == out_.pod_set_of.size()) out_.pod_set_of.push_back(&set);
        return atom;
    }

    void take_peer(const PodSet& set, CompiledRule& rule) { rule.pod_sets.push_back(pod_set(set)); }
    void take_peer(const IpBlock& block, CompiledRule& rule) {
        const auto [at, is_new] = blocks_.try_emplace(block.text(), static_cast<std::uint32_t>(out_.blocks.size()));
        if (is_new) out_.blocks.push_back(&block);
        rule.blocks.push_back(at->second);
    }
    void take_peer(const NodeSet& set, CompiledRule& rule) { take_trait(set, rule); }
    void take_peer(Entity entity, CompiledRule& rule) { take_trait(entity, rule); }
    void take_trait(const Trait& trait, CompiledRule& rule) {
        const auto [at, is_new] = traits_.try_emplace(text_of(trait), static_cast<std::uint32_t>(out_.traits.size()));
        if (is_new) out_.traits.push_back(trait);
        rule.traits.push_back(at->second);
    }
    void take_peer(const CidrGroupRef& ref, CompiledRule& rule) {
        for (const auto& [name, group] : world_.cidr_groups) {
            if (ref.name.empty() ? !ref.groups.matches(group->labels) : ref.name != name) continue;
            for (const auto& cidr : group->cidrs) take_member(cidr, ref, rule);
        }
    }
    // A group's prefix without the excepts that are in it; nothing when one covers it.
    void take_member(const Cidr& cidr, const CidrGroupRef& ref, CompiledRule& rule) {
        IpBlock block{.cidr = cidr, .except = {}, .outside = true};
        for (const auto& hole : ref.except) {
            if (hole.contains(cidr)) return;
            if (cidr.contains(hole)) block.except.push_back(hole);
        }
        take_peer(out_.resolved.emplace_back(std::move(block)), rule);
    }

    void take_names(const Rule& rule, CompiledRule& compiled) {
        for (const auto& port : rule.ports) {
            if (port.name.empty()) continue;
            const auto [at, is_new] = names_.try_emplace(fmt::format("{}/{}", port.protocol, port.name),
                                                         static_cast<std::uint32_t>(out_.names.size()));
            if (is_new) out_.names.push_back({port.name, port.protocol});
            compiled.names.push_back(at->second);
        }
    }

    const World& world_;
    const LabelSets& sets_;
    Numbers& numbers_;
    Atoms out_;
    std::unordered_map<std::string, std::uint32_t> blocks_;
    std::unordered_map<std::string, std::uint32_t> traits_;
    std::unordered_map<std::string, std::uint32_t> names_;
    std::unordered_map<std::string, std::uint32_t> same_rules_;  // by key
};

}  // namespace

std::string text_of(const Trait& trait) {
    if (const auto* nodes = std::get_if<NodeSet>(&trait)) return nodes->text();
    return fmt::format("entity {}", static_cast<int>(std::get<Entity>(trait)));
}

Result<Atoms> collect_atoms(const World& world, const LabelSets& sets, Numbers& numbers) {
    return AtomCollector(world, sets, numbers).run();
}

}  // namespace weft::policy
