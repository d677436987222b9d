// Classes: what the policies in force tell apart of an address. A class is a set of atoms: the pod sets that hold the
// pod, the blocks that hold the address, its traits, and the numbers of the ports that egress rules name.
#pragma once

#include <array>
#include <span>
#include <unordered_set>
#include <vector>

#include "policy/atoms.hpp"
#include "policy/interner.hpp"

namespace weft::policy {

// "the port that egress rules call `name` has this number here".
struct ResolvedPort {
    std::uint32_t name = 0;  // Atoms::names
    std::uint16_t port = 0;
};

struct Class {
    std::uint32_t number = 0;  // as the datapath knows it; 0 has no atoms
    std::uint32_t pods = 0;    // lists of atoms, by number in the interner they came from
    std::uint32_t blocks = 0;
    std::uint32_t traits = 0;
    std::uint32_t ports = 0;
};

class Classes {
  public:
    // All must outlive the classes.
    Classes(const Atoms& atoms, const ListInterner& block_lists, Numbers& numbers);

    // The list of pod sets of each label set, to be given to `of`.
    std::vector<std::uint32_t> match(const LabelSets& sets);
    // The list of named ports of a pod.
    std::uint32_t resolve(const Pod& pod);
    // The list of the traits that are entities of `entities`, or sets of nodes that hold one with labels `node`.
    std::uint32_t traits(std::span<const Entity> entities, const Labels* node = nullptr);
    // The lists that make a class.
    struct Key {
        std::uint32_t pods = 0, blocks = 0, traits = 0, ports = 0;
        friend bool operator==(const Key&, const Key&) = default;
    };
    // The class (index into all()) with these lists.
    Result<std::uint32_t> of(const Key& key);

    const std::vector<Class>& all() const { return classes_; }
    const ListInterner::List& pod_sets(const Class& of) const { return pod_lists_.list(of.pods); }
    const ListInterner::List& blocks(const Class& of) const { return block_lists_.list(of.blocks); }
    const ListInterner::List& traits(const Class& of) const { return trait_lists_.list(of.traits); }
    // Ascending by name; a name may stand twice when a pod gives it to two ports.
    std::vector<ResolvedPort> ports(const Class& of) const;

  private:
    struct KeyHash {
        std::size_t operator()(const Key& key) const {
            return hash_words(std::array{key.pods, key.blocks, key.traits, key.ports});
        }
    };
    Digest digest(const Key& key) const;
    std::uint32_t resolved_port(std::uint32_t name, std::uint16_t port);

    const Atoms& atoms_;
    const ListInterner& block_lists_;
    Numbers& numbers_;
    ListInterner pod_lists_;
    ListInterner trait_lists_;
    ListInterner port_lists_;
    std::vector<ResolvedPort> resolved_;  // by atom of port_lists_
    std::unordered_map<std::uint64_t, std::uint32_t> resolved_numbers_;
    std::unordered_map<std::string_view, std::vector<std::pair<std::uint8_t, std::uint32_t>>>
        names_;  // to protocol and atom
    std::vector<Digest> pod_digests_, block_digests_;
    std::vector<Class> classes_;
    std::unordered_map<Key, std::uint32_t, KeyHash> indices_;
    std::unordered_set<std::uint32_t> taken_;  // class numbers
};

}  // namespace weft::policy
