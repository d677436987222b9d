// The distinct label sets (pod labels and namespace) of a world: what identities are made of and selectors are tried
// on. Kept up to date pod by pod; what nobody has any more goes at the end of an update.
#pragma once

#include <span>
#include <unordered_set>
#include <vector>

#include "policy/numbers.hpp"
#include "policy/slots.hpp"
#include "policy/text_hash.hpp"
#include "policy/world.hpp"

namespace weft::policy {

struct NamespaceLabels {
    std::string name;
    std::shared_ptr<const Labels> labels;
    std::string key;                  // of the identities in it
    std::vector<std::uint32_t> sets;  // label sets
};

struct LabelSet {
    std::uint32_t in = 0;  // namespace
    std::shared_ptr<const Labels> labels;
    std::uint32_t identity = 0;
    std::uint32_t list = 0;           // the pod sets that hold it (Classes' lists)
    bool matched = false;             // `list` is right
    std::vector<std::uint32_t> pods;  // that have it
};

struct PodEntry {
    std::shared_ptr<const Pod> pod;
    const std::string* key = nullptr;  // in the world
    std::uint32_t number = 0;
    std::uint32_t set = 0;
    std::uint32_t endpoint = 0;              // the pod's, as are these: of many pods at once
    std::span<const IpAddr> addresses = {};  // nothing else is looked at
};

class LabelSets {
  public:
    explicit LabelSets(Numbers& numbers) : numbers_(numbers) {}

    // The pod of that key is this one now (nothing: there is none). Pods on the host network count as none. Errors:
    // kInvalid for labels that cannot be (they would make two sets look alike), and those of `numbers`.
    Result<void> put(const World& world, const std::string& key, const std::shared_ptr<const Pod>& pod);
    // The namespace's labels are those of `world` now.
    Result<void> relabel(const World& world, const std::string& name);

    void reserve(std::size_t pods);  // room for so many

    const LabelSet& set(std::uint32_t number) const { return sets_[number]; }
    LabelSet& set(std::uint32_t number) { return sets_[number]; }
    const NamespaceLabels& namespace_of(const LabelSet& set) const { return namespaces_[set.in]; }
    const PodEntry& pod(std::uint32_t number) const { return pods_[number]; }
    std::uint32_t pods_end() const { return pods_.end(); }
    // Pods that claim the address.
    template <typename Visit>
    void claims(const IpAddr& ip, const Visit& visit) const {
        const auto [first, last] = by_address_.equal_range(ip);
        for (auto at = first; at != last; ++at) visit(at->second);
    }
    // Several pods claim it.
    bool contested(const IpAddr& ip) const { return contested_.contains(ip); }
    // The sets that `wanted` holds, without trying all where an equality or a namespace narrows them down.
    void find(const PodSet& wanted, std::vector<std::uint32_t>& out) const;
    bool holds(const PodSet& wanted, const LabelSet& set) const {
        return wanted.pods.matches(*set.labels) && holds_namespace(wanted, set);
    }

    // Since the last settle(): sets that are new, pods that came, changed or went, their addresses now and before.
    const std::vector<std::uint32_t>& born() const { return born_; }
    const std::vector<std::uint32_t>& touched() const { return touched_; }
    std::vector<IpAddr>& addresses() { return addresses_; }
    // Takes away the sets and namespaces without pods; `visit` sees each set before it goes.
    template <typename Visit>
    void bury(const Visit& visit) {
        for (const auto number : emptied_) {
            if (sets_[number].labels == nullptr || !sets_[number].pods.empty()) continue;
            visit(number, sets_[number]);
            remove_set(number);
        }
        emptied_.clear();
    }
    void settle();
    // Frees what this holds in `numbers`.
    void release_all();

  private:
    Result<std::uint32_t> enter(const World& world, const std::shared_ptr<const Pod>& pod);
    Result<std::uint32_t> namespace_number(const World& world, const std::string& name);
    Result<std::uint32_t> make_namespace(const World& world, const std::string& name);
    void leave(std::uint32_t pod);
    void note_claims(const IpAddr& ip);
    void remove_set(std::uint32_t number);
    void post(std::uint32_t number, const Labels& labels, bool add);
    std::size_t posted(const Requirement& requirement) const;
    template <typename Visit>
    void each_posted(const Requirement& requirement, const Visit& visit) const;
    std::vector<std::uint32_t> in_namespaces(const PodSet& wanted) const;
    struct Candidates {
        std::vector<std::uint32_t> sets;
        bool namespaces_hold = false;  // all are in namespaces that are wanted
    };
    Candidates candidates(const PodSet& wanted) const;
    bool holds_namespace(const PodSet& wanted, const LabelSet& set) const;

    Numbers& numbers_;
    Slots<NamespaceLabels> namespaces_;
    ByText<std::uint32_t> by_name_;
    Slots<LabelSet> sets_;
    std::unordered_map<std::uint32_t, std::uint32_t> of_identity_;
    Slots<PodEntry> pods_;
    ByText<std::uint32_t> by_key_;
    std::unordered_multimap<IpAddr, std::uint32_t> by_address_;
    std::unordered_set<IpAddr> contested_;         // of by_address_
    ByText<std::vector<std::uint32_t>> postings_;  // "key=value" -> label sets
    std::vector<std::uint32_t> born_, touched_, emptied_;
    std::vector<IpAddr> addresses_;
    std::string key_;
    mutable std::vector<std::uint64_t> marks_;  // by set: the last mark that it got
    mutable std::uint64_t mark_ = 0;
};

}  // namespace weft::policy
