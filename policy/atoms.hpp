// The atoms that rules' peers and ports are made of, of the policies in force on this node. A class is a set of atoms.
// Each is held by the rules that name it; what nobody holds any more goes at the end of an update.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "policy/digest.hpp"
#include "policy/pod_set_index.hpp"

namespace weft::policy {

// What an address is besides a pod and a part of blocks: a node of a set, or of an entity.
using Trait = std::variant<NodeSet, Entity>;
std::string text_of(const Trait& trait);  // equal texts mean equal traits

// "TCP/web" as an egress rule has it.
struct PortName {
    std::string name;
    std::uint8_t protocol = 0;
};

// Atoms of one kind, by their texts.
template <typename Value>
class AtomSet {
  public:
    struct Atom {
        Value value;
        Digest digest;
        std::string text;
        std::uint32_t holders = 0;
    };
    std::uint32_t acquire(const std::string& text, const Value& value) {
        const auto [at, is_new] = numbers_.try_emplace(text, 0U);
        if (is_new) {
            at->second = atoms_.add({value, Digest::of(text), text, 0});
            born_.push_back(at->second);
        }
        ++atoms_[at->second].holders;
        return at->second;
    }
    void release(std::uint32_t number) {
        if (--atoms_[number].holders == 0) dying_.push_back(number);
    }
    // The atom of that text that somebody holds.
    std::optional<std::uint32_t> find(std::string_view text) const {
        const auto at = numbers_.find(text);
        return at == numbers_.end() || !held(at->second) ? std::nullopt : std::optional(at->second);
    }
    const Value& value(std::uint32_t number) const { return atoms_[number].value; }
    const Digest& digest(std::uint32_t number) const { return atoms_[number].digest; }
    std::uint32_t end() const { return atoms_.end(); }
    bool held(std::uint32_t number) const { return atoms_[number].holders > 0; }

    // Since the last settle(): atoms that are new, atoms that nobody holds.
    const std::vector<std::uint32_t>& born() const { return born_; }
    const std::vector<std::uint32_t>& dying() const {
        std::ranges::sort(dying_);
        const auto rest = std::ranges::unique(dying_);
        dying_.erase(rest.begin(), rest.end());
        std::erase_if(dying_, [&](std::uint32_t number) { return held(number); });
        return dying_;
    }
    void settle() {
        for (const auto number : dying()) {
            numbers_.erase(atoms_[number].text);
            atoms_.erase(number);
        }
        dying_.clear();
        born_.clear();
    }

  private:
    Slots<Atom> atoms_;
    ByText<std::uint32_t> numbers_;
    std::vector<std::uint32_t> born_;
    mutable std::vector<std::uint32_t> dying_;  // tidied when it is asked for
};

// The sets of pods, which are looked for among many labels.
class PodSetAtoms {
  public:
    std::uint32_t acquire(const PodSet& set);
    void release(std::uint32_t number) {
        if (index_.release(number)) dying_.push_back(number);
    }
    const PodSet& value(std::uint32_t number) const { return index_.set(number); }
    const Digest& digest(std::uint32_t number) const { return digests_[number]; }
    const PodSetIndex& index() const { return index_; }

    const std::vector<std::uint32_t>& born() const { return born_; }
    const std::vector<std::uint32_t>& dying();
    void bury();  // what is dying; numbers are given again from now on
    void build() { index_.build(); }
    void settle() { born_.clear(); }

  private:
    PodSetIndex index_;
    std::vector<Digest> digests_;
    std::vector<std::uint32_t> born_, dying_;
};

struct Atoms {
    PodSetAtoms pod_sets;
    AtomSet<IpBlock> blocks;
    AtomSet<Trait> traits;
    AtomSet<PortName> names;
    AtomSet<std::string> patterns;  // of DNS names: no part of a class
};

}  // namespace weft::policy
