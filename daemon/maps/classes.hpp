// Which class number every address carries while one image replaces another.
//
// The kernel's class numbers refine the image's: two addresses of one kernel class are always of one image class, not
// always the other way round (until collect() merges them). An address that is of kernel class k and becomes one of
// image class b belongs to the group (k, b). All of a group carry one number from before the flip on; if the addresses
// of k go to several image classes, one group keeps k and each other gets a number that nobody used.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "daemon/maps/class_map.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "policy/image_delta.hpp"

namespace weft::maps {

struct ClassGroup {
    std::optional<std::uint32_t> parent;  // kernel class until now; nothing: an address that nobody could talk to yet
    std::uint32_t target = 0;             // image class
    std::uint32_t number = 0;             // kernel class from now on
    bool fresh = false;                   // `number` was in no table and at no address
    bool moved = false;                   // not what its kernel class has stood for (all, if that is not known)
};

// The image that the kernel enforces, and how the next one differs from it: what is not touched need not be looked at.
struct Known {
    const policy::ImageDelta& delta;
    const ClassMap& classes;                                      // what kernel classes stand for in that image
    const std::map<std::uint32_t, std::uint32_t>& kernel_policy;  // image policy -> kernel policy
};

// A touched address or prefix, looked up once: there may be thousands.
template <typename Key>
struct TouchedRow {
    const Key* key;                 // in the delta
    const policy::Address* wanted;  // in the image; nullptr: it has none
    const weft_addr* row;           // in the kernel, likewise
};
struct Touched {
    std::vector<TouchedRow<IpAddr>> addresses;
    std::vector<TouchedRow<Cidr>> cidrs;
    static Touched of(const KernelState& state, const policy::Image& image, const policy::ImageDelta& delta);
};

class ClassPlan {
  public:
    // `strict`: an address that is new (or goes away) and is not a new (or leaving) pod of this node counts as one of
    // the prefix that it was (will be) found by, so that its verdict changes at the flip and not before. Without it a
    // new address is free to enter any class at once, which is right when no pod's compiled policy changes.
    // `known`: nothing if all is to be looked at; else kernel classes without touched rows get no group until they are
    // asked for, and `touched` is of its delta. `state` must be counted (KernelState::recount).
    ClassPlan(const KernelState& state, const policy::Image& image, const std::set<std::uint32_t>& stable_endpoints,
              bool strict, const std::optional<Known>& known, const Touched& touched);

    // Whether `known` knows all that is needed.
    bool sound() const { return sound_; }
    // Those of touched rows first; stays where it is while of_target() adds others.
    const std::vector<ClassGroup>& groups() const { return groups_; }
    // All groups (by place in groups()) of an image class.
    const std::vector<std::size_t>& of_target(std::uint32_t image_class);
    // Kernel class for an address or prefix of the image; `row`: its own in the kernel, if it has one.
    std::uint32_t number(const IpAddr& address, const policy::Address& wanted, const weft_addr* row) const;
    std::uint32_t number(const Cidr& cidr, const policy::Address& wanted, const weft_addr* row) const;
    // Kernel class that an address or prefix must carry until it is erased.
    std::uint32_t leaving(const IpAddr& address, const weft_addr& row) const;
    std::uint32_t leaving(const Cidr& cidr, const weft_addr& row) const;

  private:
    using Pair = std::pair<std::optional<std::uint32_t>, std::uint32_t>;

    Pair pair_of(const IpAddr& address, const policy::Address& wanted, const weft_addr* row) const;
    Pair pair_of(const Cidr& cidr, const policy::Address& wanted, const weft_addr* row) const;
    std::optional<Pair> leaving_pair(const IpAddr& address, const weft_addr& row) const;
    std::optional<Pair> leaving_pair(const Cidr& cidr, const weft_addr& row) const;
    void collect_pairs();
    void collect_touched(const Touched& touched);
    template <typename Key>
    void collect_touched(const std::vector<TouchedRow<Key>>& rows,
                         std::unordered_map<std::uint32_t, std::size_t>& looked_at);
    bool is_used(std::uint32_t number) const;
    void add_staying(std::uint32_t number, std::size_t touched);
    void mark_moved();
    std::optional<std::uint32_t> standing_for(std::uint32_t image_class) const;
    bool stands(std::uint32_t number) const;
    void assign_numbers();
    void assign_newcomers();
    std::uint32_t fresh_number(std::uint32_t preferred);

    const KernelState& state_;
    const policy::Image& image_;
    const std::set<std::uint32_t>& stable_endpoints_;  // endpoints that were there and stay
    bool strict_;
    const std::optional<Known>& known_;
    bool sound_ = true;
    std::map<Pair, std::size_t> pairs_;  // group -> rows in it; later -> index in groups_
    std::vector<ClassGroup> groups_;
    std::unordered_set<std::uint32_t> given_;  // fresh numbers
    std::unordered_map<std::uint32_t, std::uint32_t>
        staying_;  // kernel class of rows that are not touched -> image class
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> by_target_;
    std::unordered_set<std::uint32_t> parents_;  // of groups of touched rows
    std::unordered_set<std::uint32_t> listed_;   // image classes whose untouched kernel classes have groups
    std::uint32_t lowest_unused_ = 1;
};

}  // namespace weft::maps
