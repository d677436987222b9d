#include "policy/atoms.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

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
        for (std::uint32_t i = 0; i < out_.policies.size(); ++i) WEFT_CHECK(take(i));
        out_.pod_sets.build();
        return std::move(out_);
    }

  private:
    // Which policies select each local pod; those that select none are not in force.
    void select_subjects() {
        PodSetIndex index;
        std::vector<const Policy*> all;
        std::vector<std::vector<std::uint32_t>> policies_of;  // by subject set
        for (const auto& [name, policy] : world_.policies) {
            const auto set = index.add(policy->subject);
            if (set == policies_of.size()) policies_of.emplace_back();
            policies_of[set].push_back(static_cast<std::uint32_t>(all.size()));
            all.push_back(policy.get());
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
                subject.policies.insert(subject.policies.end(), policies_of[set].begin(), policies_of[set].end());
            std::ranges::sort(subject.policies);
            out_.subjects.push_back(std::move(subject));
        }
        number_policies(all);
    }

    void number_policies(const std::vector<const Policy*>& all) {
        std::vector<std::uint32_t> number(all.size(), kNotInForce);
        for (const auto& subject : out_.subjects)
            for (const auto policy : subject.policies) number[policy] = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (number[i] == kNotInForce) continue;
            number[i] = static_cast<std::uint32_t>(out_.policies.size());
            out_.policies.push_back({all[i], 0, 0});
        }
        for (auto& subject : out_.subjects)
            for (auto& policy : subject.policies) policy = number[policy];
    }

    Result<void> take(std::uint32_t index) {
        auto& in_force = out_.policies[index];
        in_force.first_rule = static_cast<std::uint32_t>(out_.rules.size());
        in_force.rules = static_cast<std::uint32_t>(in_force.policy->rules.size());
        const std::string key = in_force.policy->key();
        for (const auto& rule : in_force.policy->rules) {
            CompiledRule compiled;
            compiled.rule = &rule;
            compiled.policy = index;
            WEFT_TRY(number, numbers_.number(NumberKind::kRule,
                                             fmt::format("{}/{}/{}", key, to_string(rule.direction), rule.index)));
            compiled.number = number;
            for (const auto& peer : rule.peers) take_peer(peer, compiled);
            if (rule.direction == Direction::kEgress) take_names(rule, compiled);
            tidy(compiled.pod_sets);
            tidy(compiled.blocks);
            tidy(compiled.names);
            out_.rules.push_back(std::move(compiled));
        }
        return {};
    }

    void take_peer(const Peer& peer, CompiledRule& rule) {
        if (const auto* set = std::get_if<PodSet>(&peer)) {
            const auto atom = out_.pod_sets.add(*set);
            if (atom == out_.pod_set_of.size()) out_.pod_set_of.push_back(set);
            rule.pod_sets.push_back(atom);
            return;
        }
        const auto& block = std::get<IpBlock>(peer);
        const auto [at, is_new] = blocks_.try_emplace(block.text(), static_cast<std::uint32_t>(out_.blocks.size()));
        if (is_new) out_.blocks.push_back(&block);
        rule.blocks.push_back(at->second);
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
    std::unordered_map<std::string, std::uint32_t> names_;
};

}  // namespace

Result<Atoms> collect_atoms(const World& world, const LabelSets& sets, Numbers& numbers) {
    return AtomCollector(world, sets, numbers).run();
}

}  // namespace weft::policy
