// The compiled policies of the local pods, kept up to date as classes and rules come and go.
#pragma once

#include <memory>

#include "policy/table.hpp"

namespace weft::policy {

class Tables {
  public:
    Tables(const Atoms& atoms, Classes& classes, Specs& specs, Numbers& numbers, ImageEditor& image)
        : atoms_(atoms), classes_(classes), specs_(specs), numbers_(numbers), image_(image), lists_(numbers, image) {}

    struct Subject {
        std::shared_ptr<const Pod> pod;
        std::uint32_t set = 0;  // label set, or kNodeSet
    };
    // A local pod, by its number in LabelSets (or the node, by another); nothing: it is gone. Its tables follow in
    // update().
    void put(std::uint32_t number, const std::optional<Subject>& subject);
    const Subject* find(std::uint32_t number) const;
    // After specs and classes are settled upon: tables that no pod needs go, the others follow the classes, new ones
    // are made.
    Result<void> update();
    void release_all();

    std::uint64_t built() const { return built_; }
    std::uint64_t rows_decided() const { return rows_decided_; }

  private:
    struct State {
        TableKey key;
        std::unique_ptr<Table> table;
        std::uint32_t default_rule = 0;
        std::uint32_t holders = 0;
        std::uint32_t number = 0;  // of its content
        Digest sum;                // of its rows
    };
    // What is enforced, by Direction, and behind it the same with the policies in audit mode where there are some.
    static constexpr std::size_t kKinds = 4;
    struct Held {
        Subject subject;
        std::array<State*, kKinds> tables{};
        std::array<TableKey, kKinds> keys;  // wanted; without specs: no table
    };
    using Edits = std::map<std::uint32_t, std::optional<PortRows>>;  // class number -> rows

    TableKey key_of(const Subject& subject, Direction direction, bool auditing) const;
    bool audits(std::uint32_t spec) const { return specs_[spec].policy->audit; }
    void name_tables(const Held& held);
    Result<PortRow> otherwise(const TableKey& key, std::uint32_t& default_rule);
    void rekey(Held& held);
    Result<State*> acquire(const TableKey& key);
    Result<void> build(State& state);
    void release(State* state);
    Result<void> follow_classes();
    Result<void> edit(State& state, Edits edits);
    Result<void> give(State& state, std::uint32_t number, PolicyTable table);
    void let_go(std::uint32_t number);
    Result<void> check_room() const;
    Result<void> settle_names();

    const Atoms& atoms_;
    Classes& classes_;
    Specs& specs_;
    Numbers& numbers_;
    ImageEditor& image_;
    NameLists lists_;
    std::map<std::uint32_t, Held> subjects_;  // by pod
    std::set<std::uint32_t> wanting_;         // pods whose tables are to be looked up
    std::map<TableKey, State> states_;
    std::unordered_map<Table::AtomKey, std::vector<State*>> by_atom_;
    std::unordered_map<std::uint32_t, std::uint32_t> users_;  // of a content's number: states
    std::size_t class_rows_ = 0;
    std::uint64_t built_ = 0, rows_decided_ = 0;
};

}  // namespace weft::policy
