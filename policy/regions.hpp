// The address space cut along every prefix that matters (ipBlocks, their excepts, the node's ranges, the world): all
// addresses whose longest prefix is the same are in the same blocks.
#pragma once

#include <span>
#include <vector>

#include "policy/interner.hpp"
#include "policy/world.hpp"

namespace weft::policy {

struct Region {
    Cidr prefix;
    int parent = -1;           // the next larger region around it; -1 for the two worlds
    std::uint32_t blocks = 0;  // list in Regions::block_lists: atoms that hold its addresses, ascending
    std::uint32_t inside = 0;  // the same without those for the outside: what holds its pods and nodes
    bool pod_range = false;
    bool no_masquerade = false;
};

class Regions {
  public:
    // At most kMaxMemberships (region, block) pairs in all, else kExhausted: a table of that size could not be written
    // either.
    static constexpr std::size_t kMaxMemberships = 1U << 26;
    static Result<Regions> of(std::span<const IpBlock* const> blocks, const NodeFacts& node);

    const std::vector<Region>& all() const { return regions_; }  // ascending: a region stands before those inside it
    const Region& find(const IpAddr& ip) const;                  // longest prefix
    const ListInterner& block_lists() const { return lists_; }

  private:
    std::size_t index(const Cidr& prefix) const;
    void nest();

    std::vector<Region> regions_;
    ListInterner lists_;
};

}  // namespace weft::policy
