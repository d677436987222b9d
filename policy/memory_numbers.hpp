// Numbers that live as long as the object: for tests, the command line, and as the daemon's table in front of its
// database.
#pragma once

#include <array>
#include <set>
#include <unordered_map>
#include <vector>

#include "policy/numbers.hpp"

namespace weft::policy {

// The lowest number that is free; of rules, one that was never given as long as there is one: flows that a rule decided
// carry its number until they end, and would count for the next rule of that number.
class MemoryNumbers : public Numbers {
  public:
    // Highest number of each kind (by NumberKind). The defaults are the sizes of the datapath's tables (a test compares
    // them with datapath/abi) and, for identities, the 24 bits that Hubble's readers expect.
    static constexpr std::array<std::uint32_t, 5> kLimits = {262143, 1048575, (1U << 24) - 1, 65535, 65535};

    explicit MemoryNumbers(const std::array<std::uint32_t, 5>& limits = kLimits) : limits_(limits) {}

    Result<std::uint32_t> number(NumberKind kind, const std::string& key) override;
    void unused(NumberKind kind, std::uint32_t number) override;
    void forget_unused() override;

    // Enters a number that was given earlier (a restart), not in use. Error kExists when the key or the number is
    // taken.
    Result<void> restore(NumberKind kind, const std::string& key, std::uint32_t number);

  protected:
    // For one who keeps a copy elsewhere (the daemon's database): called after a number was given, and when one is
    // freed.
    virtual void given(NumberKind, const std::string& /*key*/, std::uint32_t /*number*/) {}
    virtual void freed(NumberKind, const std::string& /*key*/) {}

  private:
    struct Given {
        std::uint32_t number = 0;
        std::uint64_t unused_since = 0;  // round; 0: in use
    };
    struct Table {
        std::unordered_map<std::string, Given> given;
        std::unordered_map<std::uint32_t, const std::string*> keys;  // by number
        std::vector<std::uint32_t> unused;                           // some of them in use again
        std::set<std::uint32_t> free;                                // below `next`
        std::uint32_t next = 0;
    };
    Table& table(NumberKind kind);
    bool forget(NumberKind kind, std::uint32_t number);

    std::array<std::uint32_t, 5> limits_;
    std::array<Table, 5> tables_{};
    std::uint64_t round_ = 1;
};

}  // namespace weft::policy
