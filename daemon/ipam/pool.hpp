// The addresses of one family: which are given out, which cool down. A plain value; it knows no clock and no database.
//
// The first address (network, or IPv6's subnet-router anycast), the second (the gateway) and the last are never given.
// Allocation goes round the range, so that an address rests as long as possible; a step costs one hash lookup, and only
// addresses in use are stepped over, so that the size of the range is of no account.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "common/ip_addr.hpp"

namespace weft::ipam {

struct PoolCounts {
    std::uint64_t size = 0;  // addresses that can be given out; UINT64_MAX when there are more
    std::uint64_t used = 0;
    std::uint64_t cooling = 0;
    std::uint64_t free = 0;
};

// The second address of a pod range.
inline IpAddr gateway_of(const Cidr& range) {
    return range.address.plus(1);
}

class Pool {
  public:
    // Errors: kInvalid when the range has no room for a pod (IPv4 longer than /30, IPv6 longer than /126) or a
    // reserved range covers it whole.
    static Result<Pool> make(const Cidr& range, const std::vector<Cidr>& reserved);

    const Cidr& range() const { return range_; }
    IpAddr gateway() const { return gateway_of(range_); }

    // The next free address. Error kExhausted with the counts.
    Result<IpAddr> allocate(std::int64_t now);
    // Exactly this one, cooling or not. Errors: kInvalid outside the range or reserved, kExists when given out.
    Result<void> claim(const IpAddr& address);
    // Gives it back; it rests until then. Nothing happens when it is not given out.
    void release(const IpAddr& address, std::int64_t until);
    // A record of an earlier run: cooling until then.
    void restore_cooling(const IpAddr& address, std::int64_t until);
    // The next search begins after this one, unless it would begin later already.
    void begin_after(const IpAddr& address);

    bool is_used(const IpAddr& address) const;
    PoolCounts counts(std::int64_t now);

  private:
    Pool(const Cidr& range, const std::vector<Cidr>& reserved);
    void forget_cooled(std::int64_t now);
    const Cidr* reserved_range(const IpAddr& address) const;

    Cidr range_;
    std::vector<Cidr> reserved_;  // sorted, none within another
    IpAddr first_, last_;         // of those that can be given out
    IpAddr next_;                 // where the search begins
    std::uint64_t size_ = 0;
    std::uint64_t used_ = 0;
    std::unordered_map<IpAddr, std::int64_t> taken_;       // 0: given out; else cooling until then
    std::deque<std::pair<std::int64_t, IpAddr>> cooling_;  // by time; an entry that taken_ does not confirm is void
};

// The last address of a range.
IpAddr last_address(const Cidr& range);

}  // namespace weft::ipam
