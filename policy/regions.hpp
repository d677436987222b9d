// The address space cut along every prefix that matters (ipBlocks, their excepts, the node's ranges, the world): all
// addresses whose longest prefix is the same are in the same blocks. A block that comes or goes costs as much as the
// prefixes inside it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "policy/interner.hpp"
#include "policy/world.hpp"

namespace weft::policy {

struct Region {
    Cidr prefix;
    const Region* parent = nullptr;  // the next larger one around it; nothing for the two worlds
    std::uint32_t blocks = 0;        // list: atoms that hold its addresses, ascending
    std::uint32_t inside = 0;        // the same without those for the outside: what holds its pods and nodes
    bool pod_range = false;
    bool no_masquerade = false;
    bool settled = false;
    std::size_t own = 0;                        // pairs that are counted for it
    std::uint32_t users = 0;                    // blocks and ranges that have an edge here
    std::vector<std::uint32_t> begins, leaves;  // blocks that begin here, that leave it out
};

class Regions {
  public:
    // At most kMaxMemberships (region, block) pairs in all, else kExhausted: a table of that size could not be written
    // either.
    static constexpr std::size_t kMaxMemberships = 1U << 26;

    // `lists` must outlive this.
    explicit Regions(ListInterner& lists) : lists_(lists) {}
    // Before the first block, once.
    void set_node(const NodeFacts& node);
    void add(std::uint32_t atom, const IpBlock& block);
    void remove(std::uint32_t atom, const IpBlock& block);
    // Works out the lists where something changed. Numbers of blocks may be used again after it.
    Result<void> settle();

    // Since the settle() before: prefixes that are new, changed or gone, and of these the ones whose `inside` changed.
    const std::vector<Cidr>& changed() const { return changed_; }
    const std::vector<Cidr>& changed_inside() const { return changed_inside_; }

    const std::map<Cidr, Region>& all() const { return regions_; }  // a region stands before those inside it
    const Region& find(const Cidr& prefix) const;                   // itself, else the smallest around it
    const Region& find(const IpAddr& ip) const { return find(Cidr{ip, ip.bits()}); }

  private:
    Region& use(const Cidr& prefix);
    void leave(const Cidr& prefix);
    const Region* around(std::map<Cidr, Region>::const_iterator at) const;
    Result<void> recompute(Region& region);
    void give(Region& region, std::uint32_t blocks, std::uint32_t inside, bool fresh);

    ListInterner& lists_;
    NodeFacts node_;
    std::map<Cidr, Region> regions_;
    std::unordered_map<std::uint32_t, bool> outside_;  // by block
    std::set<Cidr> dirty_;
    std::map<Cidr, std::uint32_t> gone_;  // regions that are no more, with the list of what was inside
    std::size_t memberships_ = 0;
    std::vector<Cidr> changed_, changed_inside_;
};

}  // namespace weft::policy
