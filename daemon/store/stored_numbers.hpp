// policy::Numbers that are remembered across restarts: kept in memory, written to the store in the daemon's
// transactions.
#pragma once

#include "daemon/store/store.hpp"
#include "policy/memory_numbers.hpp"

namespace weft::store {

class StoredNumbers : public policy::MemoryNumbers {
  public:
    // `store` must outlive this.
    static Result<std::unique_ptr<StoredNumbers>> load(Store& store);

    // Writes what was given and freed since the last written(): in the transaction that carries what the numbers are
    // for.
    Result<void> write();
    // Rule numbers that were given since the last written(): no rule that was in force had them.
    std::vector<std::uint32_t> new_rules() const;
    // The transaction was committed. Without it the next write() writes the same again.
    void written() { changed_.clear(); }

  protected:
    void given(policy::NumberKind kind, const std::string& key, std::uint32_t number) override;
    void freed(policy::NumberKind kind, const std::string& key) override;

  private:
    explicit StoredNumbers(Store& store) : store_(store) {}

    using Key = std::pair<policy::NumberKind, std::string>;
    Store& store_;
    std::map<Key, std::uint32_t> changed_;  // 0: freed
};

}  // namespace weft::store
