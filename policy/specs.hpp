// Which policies are in force on this node, and for which of its pods. A policy that selects no local pod costs its
// place in the index of subjects and nothing else.
#pragma once

#include <map>
#include <unordered_map>

#include "policy/atoms.hpp"
#include "policy/image_delta.hpp"
#include "policy/label_sets.hpp"

namespace weft::policy {

struct CompiledRule {
    const Rule* rule = nullptr;
    std::uint32_t spec = 0;  // number in Specs
    std::uint32_t number = 0;
    std::vector<std::uint32_t> pod_sets;  // atoms, each list ascending and unique
    std::vector<std::uint32_t> blocks;
    std::vector<std::uint32_t> traits;
    std::vector<std::uint32_t> patterns;
    std::vector<std::uint32_t> required;  // pod sets of Rule::required
    std::vector<std::uint32_t>
        names;  // ports that an egress rule names: resolved on the receiving pod, so part of its class
};

// Stands for this node where local pods have their label set.
inline constexpr std::uint32_t kNodeSet = 0xffffffff;

struct SpecState {
    std::shared_ptr<const Policy> policy;
    std::uint64_t version = 0;   // of the policy: each put() is one
    std::uint32_t place = 0;     // in policy->specs
    std::uint32_t subject = 0;   // in the index of subjects; not of specs for nodes
    std::uint32_t subjects = 0;  // label sets of local pods that it selects
    bool in_force = false;
    bool retired = false;  // its policy is gone or another
    std::vector<CompiledRule> rules;
    const Spec& spec() const { return policy->specs[place]; }
};

class Specs {
  public:
    Specs(Numbers& numbers, ImageEditor& image) : numbers_(numbers), image_(image) {}

    // The policy of that name is this one now; nothing: there is none.
    void put(const PolicyName& name, const std::shared_ptr<const Policy>& policy);
    // The groups of addresses have changed: policies that name some are put anew.
    void renew_groups();
    // Local pods by label set, or the node: one more, one less.
    void add_local(std::uint32_t set) { ++local_[set].pods; }
    void remove_local(std::uint32_t set) { --local_[set].pods; }
    // Works out which specs select which label sets, and takes the rules of those that are in force now.
    Result<void> select(const World& world, const LabelSets& sets, Atoms& atoms);
    // Forgets the specs of policies that are gone. After the tables.
    void settle();
    void release_all();

    const SpecState& operator[](std::uint32_t number) const { return specs_[number]; }
    // In the order of the policies' names, then of their place.
    const std::vector<std::uint32_t>& of_local(std::uint32_t set) const { return local_.at(set).specs; }
    // Label sets of local pods whose specs changed in the last select().
    const std::set<std::uint32_t>& changed() const { return changed_; }
    std::uint64_t evaluations() const { return index_.evaluations() + tried_; }

    // Numbers of rules, each held by all that name it. An error kInternal when two
    // rules of one owner (a version, 0: none) are given one.
    Result<std::uint32_t> take_rule(const std::string& key, const RuleInfo& info, std::uint64_t owner);
    void drop_rule(std::uint32_t number);

  private:
    struct Local {
        std::uint32_t pods = 0;
        bool evaluated = false;
        std::vector<std::uint32_t> specs;
    };
    struct HeldRule {
        std::uint32_t holders = 0;
        std::uint64_t owner = 0;
    };
    bool before(std::uint32_t a, std::uint32_t b) const;
    void evaluate(const LabelSets& sets, std::uint32_t set, Local& local);
    void try_new(const LabelSets& sets, std::uint32_t set, Local& local);
    void drop_gone(std::uint32_t set, Local& local);
    void select_node(const World& world, Local& local);
    void lose(std::uint32_t spec) {
        if (--specs_[spec].subjects == 0) leaving_.push_back(spec);
    }
    Result<void> take(const World& world, std::uint32_t number, Atoms& atoms);
    std::vector<std::string> rule_keys(const SpecState& state) const;
    void drop(SpecState& state, Atoms& atoms);

    Numbers& numbers_;
    ImageEditor& image_;
    Slots<SpecState> specs_;
    std::map<PolicyName, std::vector<std::uint32_t>> of_policy_;
    PodSetIndex index_;
    PodSetIndex::Matcher matcher_{index_};
    std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> of_subject_;  // set in the index -> specs
    std::set<std::uint32_t> of_nodes_;                                          // specs for nodes
    std::map<std::uint32_t, Local> local_;                                      // by label set, or kNodeSet
    std::unordered_map<std::uint32_t, HeldRule> rules_;
    std::vector<std::uint32_t> new_, retired_, entering_, leaving_;
    std::set<std::uint32_t> changed_;
    std::uint64_t tried_ = 0, versions_ = 0;
};

}  // namespace weft::policy
