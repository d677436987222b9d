// Classes: what the policies in force tell apart of an address. A class is a set of atoms: the pod sets that hold the
// pod, the blocks that hold the address, its traits, and the numbers of the ports that egress rules name. It is there
// as long as an address or a prefix is of it.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "policy/atoms.hpp"
#include "policy/interner.hpp"
#include "policy/numbers.hpp"
#include "policy/objects.hpp"

namespace weft::policy {

// "the port that egress rules call `name` has this number here".
struct ResolvedPort {
    std::uint32_t name = 0;  // Atoms::names
    std::uint16_t port = 0;
    friend auto operator<=>(const ResolvedPort&, const ResolvedPort&) = default;
};

// The lists that make a class, each by its number in Classes::lists.
struct ClassKey {
    std::uint32_t pods = 0, blocks = 0, traits = 0;
    std::uint32_t ports = 0;  // name, port, name, port ...: ascending
    friend bool operator==(const ClassKey&, const ClassKey&) = default;
};

struct Class {
    std::uint32_t number = 0;  // as the datapath knows it; 0 has no atoms
    ClassKey key;
    std::uint32_t holders = 0;
};

class Classes {
  public:
    // All must outlive the classes.
    Classes(const Atoms& atoms, Numbers& numbers);

    ListInterner& lists() { return lists_; }
    const ListInterner::List& list(std::uint32_t number) const { return lists_.list(number); }
    // Held lists of atoms: the named ports of a pod; the traits that are entities of `entities`, or sets of nodes that
    // hold one with labels `node`.
    std::uint32_t ports_of(const Pod& pod);
    std::uint32_t traits(std::span<const Entity> entities, const Labels* node = nullptr);

    // The class with these lists, held once more.
    Result<std::uint32_t> acquire(const ClassKey& key);
    void release(std::uint32_t index) {
        if (--classes_[index].holders == 0) dying_.push_back(index);
    }
    const Class& operator[](std::uint32_t index) const { return classes_[index]; }
    std::uint32_t with_number(std::uint32_t number) const { return by_number_.at(number); }
    // Ascending by name; a name may stand twice when a pod gives it to two ports.
    std::vector<ResolvedPort> ports(const Class& of) const;

    // The classes (by index) that have an atom.
    enum Kind { kPodSet, kBlock, kTrait, kName };
    const std::vector<std::uint32_t>& members(Kind kind, std::uint32_t atom) const;
    template <typename Visit>  // visit(kind, atom), each once
    void each_atom(const Class& of, const Visit& visit) const {
        for (const auto atom : list(of.key.pods)) visit(kPodSet, atom);
        for (const auto atom : list(of.key.blocks)) visit(kBlock, atom);
        for (const auto atom : list(of.key.traits)) visit(kTrait, atom);
        const auto& ports = list(of.key.ports);
        for (std::size_t i = 0; i < ports.size(); i += 2)
            if (i == 0 || ports[i] != ports[i - 2]) visit(kName, ports[i]);
    }

    // Since the last settle(): classes that are new, classes that nobody is of any more.
    const std::vector<std::uint32_t>& born() const { return born_; }
    const std::vector<std::uint32_t>& dying();
    void settle();
    void release_all();

  private:
    struct KeyHash {
        std::size_t operator()(const ClassKey& key) const {
            return hash_words(std::array{key.pods, key.blocks, key.traits, key.ports});
        }
    };
    Digest digest(const ClassKey& key) const;

    const Atoms& atoms_;
    Numbers& numbers_;
    ListInterner lists_;
    Slots<Class> classes_;
    std::unordered_map<ClassKey, std::uint32_t, KeyHash> indices_;
    std::unordered_map<std::uint32_t, std::uint32_t> by_number_;
    std::array<std::unordered_map<std::uint32_t, std::vector<std::uint32_t>>, 4> members_;  // by Kind
    std::vector<std::uint32_t> born_, dying_;
};

}  // namespace weft::policy
