#include "policy/specs.hpp"

#include <algorithm>

#include "policy/take_rule.hpp"

namespace weft::policy {

bool Specs::before(std::uint32_t a, std::uint32_t b) const {
    const auto &left = specs_[a], &right = specs_[b];
    if (const auto order = left.policy->name <=> right.policy->name; order != 0) return order < 0;
    return left.place < right.place;
}

void Specs::put(const PolicyName& name, const std::shared_ptr<const Policy>& policy) {
    const auto known = of_policy_.find(name);
    if (known != of_policy_.end()) {
        for (const auto number : known->second) {
            specs_[number].retired = true;
            retired_.push_back(number);
            if (of_nodes_.erase(number) == 0) std::erase(of_subject_[specs_[number].subject], number);
        }
        of_policy_.erase(known);
    }
    if (policy == nullptr) return;
    auto& numbers = of_policy_[name];
    ++versions_;
    for (std::uint32_t place = 0; place < policy->specs.size(); ++place) {
        const bool of_nodes = policy->specs[place].nodes.has_value();
        const auto subject = of_nodes ? 0 : index_.acquire(policy->specs[place].subject).number;
        const auto number =
            specs_.add({.policy = policy, .version = versions_, .place = place, .subject = subject, .rules = {}});
        numbers.push_back(number);
        if (of_nodes) {
            of_nodes_.insert(number);
            continue;
        }
        of_subject_[subject].push_back(number);
        new_.push_back(number);
    }
}

void Specs::renew_groups() {
    std::vector<std::shared_ptr<const Policy>> policies;
    const auto names_groups = [](const Rule& rule) {
        return std::ranges::any_of(rule.peers,
                                   [](const Peer& peer) { return std::holds_alternative<CidrGroupRef>(peer); });
    };
    for (const auto& [name, numbers] : of_policy_) {
        const bool wanted = std::ranges::any_of(numbers, [&](std::uint32_t number) {
            return std::ranges::any_of(specs_[number].spec().rules, names_groups);
        });
        if (wanted) policies.push_back(specs_[numbers.front()].policy);
    }
    for (const auto& policy : policies) put(policy->name, policy);
}

// All specs that select the set, by the index.
void Specs::evaluate(const LabelSets& sets, std::uint32_t set, Local& local) {
    const auto& labels = sets.set(set);
    const auto& in = sets.namespace_of(labels);
    std::vector<std::uint32_t> matched;
    matcher_.enter(in.name, *in.labels);
    matcher_.match(*labels.labels, matched);
    for (const auto subject : matched)
        for (const auto spec : of_subject_[subject]) {
            local.specs.push_back(spec);
            if (++specs_[spec].subjects == 1) entering_.push_back(spec);
        }
    std::ranges::sort(local.specs, [&](std::uint32_t a, std::uint32_t b) { return before(a, b); });
    local.evaluated = true;
    changed_.insert(set);
}

// Only the specs that are new.
void Specs::try_new(const LabelSets& sets, std::uint32_t set, Local& local) {
    for (const auto spec : new_) {
        if (specs_[spec].retired) continue;
        ++tried_;
        if (!sets.holds(specs_[spec].spec().subject, sets.set(set))) continue;
        const auto at = std::ranges::upper_bound(local.specs, spec, [&](auto a, auto b) { return before(a, b); });
        local.specs.insert(at, spec);
        if (++specs_[spec].subjects == 1) entering_.push_back(spec);
        changed_.insert(set);
    }
}

void Specs::drop_gone(std::uint32_t set, Local& local) {
    const auto gone = std::erase_if(local.specs, [&](std::uint32_t spec) {
        if (!specs_[spec].retired) return false;
        lose(spec);
        return true;
    });
    if (gone > 0) changed_.insert(set);
}

// The specs for nodes are few: each is tried every time.
void Specs::select_node(const World& world, Local& local) {
    std::vector<std::uint32_t> selecting;
    for (const auto spec : of_nodes_)
        if (selects_own_node(world, specs_[spec].spec())) selecting.push_back(spec);
    std::ranges::sort(selecting, [&](std::uint32_t a, std::uint32_t b) { return before(a, b); });
    if (selecting == local.specs) return;
    for (const auto spec : selecting)
        if (std::ranges::find(local.specs, spec) == local.specs.end() && ++specs_[spec].subjects == 1)
            entering_.push_back(spec);
    for (const auto spec : local.specs)
        if (std::ranges::find(selecting, spec) == selecting.end()) lose(spec);
    local.specs = std::move(selecting);
    changed_.insert(kNodeSet);
}

Result<void> Specs::select(const World& world, const LabelSets& sets, Atoms& atoms) {
    index_.build();
    for (auto at = local_.begin(); at != local_.end();) {
        auto& [set, local] = *at;
        if (!retired_.empty()) drop_gone(set, local);
        if (local.pods == 0) {
            for (const auto spec : local.specs) lose(spec);
            changed_.erase(set);
            at = local_.erase(at);
            continue;
        }
        if (set == kNodeSet)
            select_node(world, local);
        else if (local.evaluated)
            try_new(sets, set, local);
        else
            evaluate(sets, set, local);
        ++at;
    }
    for (const auto spec : entering_)
        if (specs_[spec].subjects > 0 && !specs_[spec].in_force) WEFT_CHECK(take(world, spec, atoms));
    entering_.clear();
    for (const auto spec : leaving_)
        if (specs_[spec].subjects == 0 && specs_[spec].in_force) drop(specs_[spec], atoms);
    leaving_.clear();
    return {};
}

Result<void> Specs::take(const World& world, std::uint32_t number, Atoms& atoms) {
    SpecState& state = specs_[number];
    state.in_force = true;
    const auto keys = rule_keys(state);
    const auto& rules = state.spec().rules;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        state.rules.push_back(RuleTaker(world, atoms).take(rules[i], number));
        WEFT_TRY(taken, take_rule(keys[i], rule_info(*state.policy, state.spec(), rules[i]), state.version));
        state.rules.back().number = taken;
    }
    return {};
}

// What a rule's number, and so its counters, stand for: what the rule says, wherever in the policy it stands. Of two
// that say the same, the second is another; and so is one in audit mode, which counts what would be.
std::vector<std::string> Specs::rule_keys(const SpecState& state) const {
    const Policy& policy = *state.policy;
    ByText<std::uint32_t> same;
    std::vector<std::string> out;
    for (std::uint32_t place = 0; place <= state.place; ++place) {
        const auto& spec = policy.specs[place];
        if (place != state.place && spec.subject_text() != state.spec().subject_text()) continue;
        const auto subject = policy.specs.size() > 1 ? spec.subject_text() : std::string();
        for (const auto& rule : spec.rules) {
            auto key = fmt::format("{}{}/{}", policy.audit ? "audit/" : "", policy.key(),
                                   Digest::of(subject + "\n" + rule.text()).hex());
            const auto before = same[key]++;
            if (place == state.place) out.push_back(before == 0 ? key : fmt::format("{}/{}", key, before));
        }
    }
    return out;
}

Result<std::uint32_t> Specs::take_rule(const std::string& key, const RuleInfo& info, std::uint64_t owner) {
    WEFT_TRY(number, numbers_.number(NumberKind::kRule, key));
    auto& held = rules_[number];
    if (held.holders > 0 && owner != 0 && held.owner == owner)
        return fail(ErrorCode::kInternal, "two rules have one number ({})", number);
    if (held.holders > 0 && owner == 0 && image_.image().rules.at(number) != info)
        return fail(ErrorCode::kInternal, "two rules have one number ({})", number);
    ++held.holders;
    held.owner = owner;
    image_.set_rule(number, info);
    return number;
}

void Specs::drop_rule(std::uint32_t number) {
    const auto held = rules_.find(number);
    if (--held->second.holders > 0) return;
    rules_.erase(held);
    image_.set_rule(number, std::nullopt);
    numbers_.unused(NumberKind::kRule, number);
}

void Specs::drop(SpecState& state, Atoms& atoms) {
    for (const auto& rule : state.rules) {
        for (const auto atom : rule.pod_sets) atoms.pod_sets.release(atom);
        for (const auto atom : rule.required) atoms.pod_sets.release(atom);
        for (const auto atom : rule.blocks) atoms.blocks.release(atom);
        for (const auto atom : rule.traits) atoms.traits.release(atom);
        for (const auto atom : rule.names) atoms.names.release(atom);
        for (const auto atom : rule.patterns) atoms.patterns.release(atom);
        drop_rule(rule.number);
    }
    state.rules.clear();
    state.in_force = false;
}

void Specs::settle() {
    for (const auto number : retired_) {
        if (!specs_[number].spec().nodes && index_.release(specs_[number].subject)) {
            of_subject_.erase(specs_[number].subject);
            index_.erase(specs_[number].subject);
        }
        specs_.erase(number);
    }
    retired_.clear();
    new_.clear();
    changed_.clear();
}

void Specs::release_all() {
    for (const auto& [number, held] : rules_) numbers_.unused(NumberKind::kRule, number);
}

}  // namespace weft::policy
