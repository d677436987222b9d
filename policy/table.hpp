// One compiled policy: the rules of some specs in one direction, and the rows that they give to a class.
#pragma once

#include <unordered_map>

#include "policy/classes.hpp"
#include "policy/name_lists.hpp"
#include "policy/port_rows.hpp"
#include "policy/specs.hpp"

namespace weft::policy {

// What an endpoint's table depends on: endpoints with equal keys share the table.
struct TableKey {
    Direction direction = Direction::kEgress;
    std::vector<std::uint32_t> specs;  // in order of precedence
    std::vector<NamedPort> ports;      // of the subject, as far as ingress rules name them
    friend auto operator<=>(const TableKey&, const TableKey&) = default;
};

class Table {
  public:
    // All must outlive the table, and the specs stay in force. `otherwise`: what happens to packets that no rule
    // decides.
    Table(const Atoms& atoms, const Classes& classes, const Specs& specs, NameLists& lists, const TableKey& key,
          const PortRow& otherwise);

    const PortRows& unnamed() const { return unnamed_; }
    // Some rule is by DNS names: rows may have lists of them.
    bool has_names() const { return !by_name_.empty(); }
    // The rows of a class, if they differ from `unnamed`.
    std::optional<PortRows> rows_of(std::uint32_t class_index);
    // Those of all classes that somebody is of, by class number.
    std::map<std::uint32_t, PortRows> all_rows();

    // What tells classes apart here: atom (and kind) to the rules that name it, by rank.
    using Ranks = std::vector<std::uint32_t>;
    using AtomKey = std::uint64_t;
    static AtomKey atom_key(Classes::Kind kind, std::uint32_t atom) { return std::uint64_t{kind} << 32 | atom; }
    const std::unordered_map<AtomKey, Ranks>& atoms() const { return by_atom_; }

  private:
    void rank(const TableKey& key);
    void file(std::uint32_t rank);
    bool fulfils(std::uint32_t class_index, bool deny) const;
    bool matches(Classes::Kind kind, std::uint32_t rank, std::uint32_t class_index) const;
    PortRows rows(const Ranks& rules, std::uint32_t class_index) const;
    PortRows decided(const Ranks& matched, std::uint32_t class_index) const;
    std::vector<NamedPort> ports_of(std::uint32_t class_index) const;
    bool outside(std::uint32_t class_index) const { return classes_[class_index].key.pods == 0; }
    RankedRule ranked(std::uint32_t rank) const;
    NameChoice choice(std::uint32_t rank) const;

    const Atoms& atoms_;
    const Classes& classes_;
    const Specs& specs_;
    NameLists& lists_;
    PortRow otherwise_;
    std::vector<const CompiledRule*> ranked_;     // highest precedence first; from here on a rule is its rank
    std::vector<std::vector<PortRange>> ranges_;  // by rank; names are those of the subject (ingress)
    Ranks always_;                                // rules without peers
    Ranks by_name_;                               // rules with patterns of DNS names
    std::array<Ranks, 2> required_;               // pod sets, by whether the rules deny
    bool resolves_names_ = false;
    std::unordered_map<AtomKey, Ranks> by_atom_;
    PortRows unnamed_;
};

}  // namespace weft::policy
