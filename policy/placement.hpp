// What every address and prefix is: identity, class, flags. Kept up to date where something changed.
#pragma once

#include "policy/classes.hpp"
#include "policy/image_delta.hpp"
#include "policy/label_sets.hpp"
#include "policy/regions.hpp"

namespace weft::policy {

class Placement {
  public:
    // All must outlive this.
    Placement(const Atoms& atoms, Classes& classes, LabelSets& sets, const Regions& regions, ImageEditor& image)
        : atoms_(atoms), classes_(classes), sets_(sets), regions_(regions), image_(image) {}

    // The nodes' own addresses and those of API servers elsewhere.
    void set_nodes(const World& world);
    void touch(const LabelSet& set);  // its list changed
    // After atoms, label sets and regions are settled upon. The image's identities of label sets are named here too.
    Result<void> update(const World& world);

  private:
    struct Fixed {
        std::uint32_t identity = 0;
        std::vector<Entity> entities;
        std::shared_ptr<const Node> node;
        bool host = false;
    };
    struct Dirty {
        IpAddr ip;
        std::optional<std::uint32_t> pod = {};  // one that claims it, if that is known
    };
    void fix(const World& world, const IpAddr& ip, const std::shared_ptr<const Node>& node, bool here);
    void name_born();
    void resolve_ports();
    bool ports_change(const Pod& pod) const;
    void set_ports(std::uint32_t pod, std::uint32_t list);
    void touch_inside(const std::vector<Cidr>& prefixes);
    Result<void> place_regions();
    Result<void> place_region(const Cidr& prefix);
    Result<void> place(const World& world, const Dirty& address);
    Result<std::optional<Address>> wanted(const World& world, const Dirty& address);
    Result<Address> wanted_fixed(const World& world, const IpAddr& ip, const Fixed& fixed);
    const PodEntry* owner(const Dirty& address) const;
    template <typename Key, typename Rows>
    void write(const Key& key, const Rows& rows, const std::optional<Address>& row);

    const Atoms& atoms_;
    Classes& classes_;
    LabelSets& sets_;
    const Regions& regions_;
    ImageEditor& image_;
    std::map<IpAddr, Fixed> fixed_;
    std::vector<std::uint32_t> ports_;  // by pod: its list of named ports
    std::vector<Dirty> dirty_;
};

}  // namespace weft::policy
