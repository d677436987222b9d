#include "policy/label_sets.hpp"

#include <algorithm>

namespace weft::policy {

namespace {

// What ends and separates the parts of a set's key; no valid label has these characters.
constexpr std::string_view kSeparators = "=,|";

Result<void> append(const Labels& labels, std::string& out) {
    for (const auto& [key, value] : labels) {
        if (key.find_first_of(kSeparators) != key.npos || value.find_first_of(kSeparators) != value.npos)
            return fail(ErrorCode::kInvalid, "'{}={}' is not a label", key.substr(0, 64), value.substr(0, 64));
        out.append(key).append(1, '=').append(value).append(1, ',');
    }
    return {};
}

std::shared_ptr<const Labels> labels_of_namespace(const World& world, const std::string& name) {
    if (const auto at = world.namespaces.find(name); at != world.namespaces.end())
        return {at->second, &at->second->labels};
    return std::make_shared<const Labels>(Labels{{std::string(kNamespaceNameLabel), name}});
}

std::string pair_text(const std::string& key, const std::string& value) {
    std::string out = key;
    return out.append(1, '=').append(value);
}

}  // namespace

Result<std::uint32_t> LabelSets::make_namespace(const World& world, const std::string& name) {
    NamespaceLabels made{.name = name, .labels = labels_of_namespace(world, name), .key = name + "|", .sets = {}};
    WEFT_CHECK(append(*made.labels, made.key));
    made.key += "|";
    return namespaces_.add(std::move(made));
}

Result<std::uint32_t> LabelSets::namespace_number(const World& world, const std::string& name) {
    if (const auto at = by_name_.find(name); at != by_name_.end()) return at->second;
    WEFT_TRY(number, make_namespace(world, name));
    by_name_.emplace(name, number);
    return number;
}

// The set of a pod, made if there is none.
Result<std::uint32_t> LabelSets::enter(const World& world, const std::shared_ptr<const Pod>& pod) {
    WEFT_TRY(in, namespace_number(world, pod->namespace_));
    key_.assign(namespaces_[in].key);
    WEFT_CHECK(append(pod->labels, key_));
    WEFT_TRY(identity, numbers_.number(NumberKind::kIdentity, key_));
    const auto [at, is_new] = of_identity_.try_emplace(identity, 0U);
    if (!is_new) return at->second;
    LabelSet made{.in = in, .labels = {pod, &pod->labels}, .identity = identity, .pods = {}};
    at->second = sets_.add(std::move(made));
    namespaces_[in].sets.push_back(at->second);
    post(at->second, pod->labels, true);
    born_.push_back(at->second);
    return at->second;
}

void LabelSets::post(std::uint32_t number, const Labels& labels, bool add) {
    for (const auto& [key, value] : labels) {
        if (add) {
            postings_[pair_text(key, value)].push_back(number);
            continue;
        }
        const auto at = postings_.find(pair_text(key, value));
        auto& list = at->second;
        *std::ranges::find(list, number) = list.back();
        list.pop_back();
        if (list.empty()) postings_.erase(at);
    }
}

void LabelSets::leave(std::uint32_t pod) {
    auto& entry = pods_[pod];
    auto& pods = sets_[entry.set].pods;
    *std::ranges::find(pods, pod) = pods.back();
    pods.pop_back();
    if (pods.empty()) emptied_.push_back(entry.set);
    for (const auto& ip : entry.pod->addresses) {
        const auto [first, last] = by_address_.equal_range(ip);
        by_address_.erase(std::find_if(first, last, [&](const auto& claim) { return claim.second == pod; }));
        note_claims(ip);
    }
}

// After a claim came or went.
void LabelSets::note_claims(const IpAddr& ip) {
    addresses_.push_back(ip);
    if (by_address_.count(ip) > 1)
        contested_.insert(ip);
    else if (!contested_.empty())
        contested_.erase(ip);
}

void LabelSets::reserve(std::size_t pods) {
    by_key_.reserve(pods);
    by_address_.reserve(pods);
    of_identity_.reserve(pods);
    postings_.reserve(pods);
}

Result<void> LabelSets::put(const World& world, const std::string& key, const std::shared_ptr<const Pod>& pod) {
    auto known = by_key_.find(key);
    if (pod == nullptr || pod->host_network) {
        if (known == by_key_.end()) return {};
        leave(known->second);
        touched_.push_back(known->second);
        pods_[known->second].pod = nullptr;  // its number is free at the end of the update
        by_key_.erase(known);
        return {};
    }
    auto set = enter(world, pod);
    if (!set) return wrap(set.error(), fmt::format("pod {}", key));
    if (known == by_key_.end()) {
        known = by_key_.emplace(key, pods_.add({})).first;
    } else {
        leave(known->second);
    }
    pods_[known->second] = {pod, &known->first, known->second, *set, pod->endpoint, pod->addresses};
    sets_[*set].pods.push_back(known->second);
    for (const auto& ip : pod->addresses) {
        by_address_.emplace(ip, known->second);
        note_claims(ip);
    }
    touched_.push_back(known->second);
    return {};
}

Result<void> LabelSets::relabel(const World& world, const std::string& name) {
    const auto at = by_name_.find(name);
    if (at == by_name_.end()) return {};
    const auto before = at->second;
    if (*namespaces_[before].labels == *labels_of_namespace(world, name)) return {};
    WEFT_TRY(after, make_namespace(world, name));
    at->second = after;
    std::vector<std::uint32_t> pods;
    for (const auto set : namespaces_[before].sets)
        pods.insert(pods.end(), sets_[set].pods.begin(), sets_[set].pods.end());
    for (const auto number : pods) {
        const auto entry = pods_[number];
        WEFT_CHECK(put(world, *entry.key, entry.pod));
    }
    if (namespaces_[before].sets.empty()) namespaces_.erase(before);
    return {};
}

void LabelSets::remove_set(std::uint32_t number) {
    auto& gone = sets_[number];
    auto& in = namespaces_[gone.in];
    *std::ranges::find(in.sets, number) = in.sets.back();
    in.sets.pop_back();
    if (in.sets.empty()) {
        if (const auto at = by_name_.find(in.name); at != by_name_.end() && at->second == gone.in) by_name_.erase(at);
        namespaces_.erase(gone.in);
    }
    post(number, *gone.labels, false);
    of_identity_.erase(gone.identity);
    numbers_.unused(NumberKind::kIdentity, gone.identity);
    sets_.erase(number);
}

void LabelSets::settle() {
    std::ranges::sort(touched_);
    const auto rest = std::ranges::unique(touched_);
    touched_.erase(rest.begin(), rest.end());
    for (const auto pod : touched_)
        if (pods_[pod].pod == nullptr) pods_.erase(pod);
    born_.clear();
    touched_.clear();
    addresses_.clear();
}

void LabelSets::release_all() {
    for (const auto& [identity, set] : of_identity_) numbers_.unused(NumberKind::kIdentity, identity);
}

bool LabelSets::holds_namespace(const PodSet& wanted, const LabelSet& set) const {
    const auto& in = namespaces_[set.in];
    return wanted.namespace_ ? *wanted.namespace_ == in.name : wanted.namespaces.matches(*in.labels);
}

std::size_t LabelSets::posted(const Requirement& requirement) const {
    std::size_t out = 0;
    for (const auto& value : requirement.values)
        if (const auto at = postings_.find(pair_text(requirement.key, value)); at != postings_.end())
            out += at->second.size();
    return out;
}

template <typename Visit>
void LabelSets::each_posted(const Requirement& requirement, const Visit& visit) const {
    for (const auto& value : requirement.values)
        if (const auto at = postings_.find(pair_text(requirement.key, value)); at != postings_.end())
            for (const auto set : at->second) visit(set);
}

// All sets in the namespaces that `wanted` holds.
std::vector<std::uint32_t> LabelSets::in_namespaces(const PodSet& wanted) const {
    std::vector<std::uint32_t> out;
    const auto take = [&](std::uint32_t in) {
        out.insert(out.end(), namespaces_[in].sets.begin(), namespaces_[in].sets.end());
    };
    if (wanted.namespace_) {
        if (const auto at = by_name_.find(*wanted.namespace_); at != by_name_.end()) take(at->second);
        return out;
    }
    for (const auto& [name, in] : by_name_)
        if (wanted.namespaces.matches(*namespaces_[in].labels)) take(in);
    return out;
}

// The fewest sets that are easily had and have all that `wanted` holds among them.
LabelSets::Candidates LabelSets::candidates(const PodSet& wanted) const {
    const Requirement* best = nullptr;
    std::size_t fewest = sets_.in_use();
    for (const auto& requirement : wanted.pods.requirements()) {
        if (requirement.op != Operator::kIn) continue;
        const auto size = posted(requirement);
        if (best != nullptr && size >= fewest) continue;
        best = &requirement;
        fewest = size;
    }
    // Trying the namespaces costs about as much as trying as many sets.
    Candidates out;
    if (best == nullptr || wanted.namespace_ || fewest > by_name_.size()) {
        out = {in_namespaces(wanted), true};
        if (best == nullptr || out.sets.size() <= fewest) return out;
    }
    out = {};
    each_posted(*best, [&](std::uint32_t set) { out.sets.push_back(set); });
    return out;
}

void LabelSets::find(const PodSet& wanted, std::vector<std::uint32_t>& out) const {
    constexpr std::size_t kWorth = 32;  // sets are marked in the time that the labels of one are looked at
    auto [among, namespaces_hold] = candidates(wanted);
    marks_.resize(sets_.end());
    std::vector<const Requirement*> open;
    for (const auto& requirement : wanted.pods.requirements()) {
        if (requirement.op != Operator::kIn || posted(requirement) > kWorth * among.size()) {
            open.push_back(&requirement);
            continue;
        }
        ++mark_;
        each_posted(requirement, [&](std::uint32_t set) { marks_[set] = mark_; });
        std::erase_if(among, [&](std::uint32_t set) { return marks_[set] != mark_; });
    }
    const auto holds = [&](const LabelSet& set) {
        return std::ranges::all_of(open, [&](const auto* one) { return one->matches(*set.labels); }) &&
               (namespaces_hold || holds_namespace(wanted, set));
    };
    std::ranges::copy_if(among, std::back_inserter(out), [&](auto number) { return holds(sets_[number]); });
}

}  // namespace weft::policy
