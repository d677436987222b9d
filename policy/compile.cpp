#include "policy/compile.hpp"

#include <algorithm>

#include "policy/regions.hpp"
#include "policy/tables.hpp"

namespace weft::policy {

namespace {

bool in_any(const std::vector<Cidr>& ranges, const IpAddr& ip) {
    return std::ranges::any_of(ranges, [&](const Cidr& range) { return range.contains(ip); });
}

class Compiler {
  public:
    Compiler(const World& world, Numbers& numbers, const LabelSets& sets, const Atoms& atoms, const Regions& regions)
        : world_(world),
          numbers_(numbers),
          sets_(sets),
          atoms_(atoms),
          regions_(regions),
          classes_(atoms, regions.block_lists(), numbers) {}

    Result<Image> run() {
        WEFT_CHECK(place_regions());
        WEFT_CHECK(place_nodes(world_.node.remote_nodes, kIdentityRemoteNode));
        WEFT_CHECK(place_nodes(world_.node.host_addresses, kIdentityHost));
        WEFT_CHECK(place_pods());
        name_identities();
        WEFT_CHECK(build_tables(atoms_, classes_, numbers_, image_));
        return std::move(image_);
    }

  private:
    Result<std::uint32_t> class_number(std::uint32_t pods, std::uint32_t blocks, std::uint32_t ports) {
        WEFT_TRY(index, classes_.of(pods, blocks, ports));
        return classes_.all()[index].number;
    }

    Result<void> place_regions() {
        for (const auto& region : regions_.all()) {
            WEFT_TRY(number, class_number(0, region.blocks, 0));
            const auto identity = region.pod_range ? kIdentityUnknown : kIdentityWorld;
            image_.cidrs.emplace_hint(image_.cidrs.end(), region.prefix,
                                      Address{.identity = identity,
                                              .class_id = number,
                                              .no_masquerade = region.no_masquerade || region.pod_range,
                                              .pod_range = region.pod_range});
        }
        return {};
    }

    Result<void> place_nodes(const std::vector<IpAddr>& addresses, std::uint32_t identity) {
        for (const auto& ip : addresses) {
            WEFT_TRY(number, class_number(0, regions_.find(ip).blocks, 0));
            image_.addresses[ip] = {.identity = identity,
                                    .class_id = number,
                                    .host = identity == kIdentityHost,
                                    .no_masquerade = true,
                                    .pod_range = in_any(world_.node.pod_ranges, ip)};
        }
        return {};
    }

    struct Claim {
        IpAddr ip;
        std::uint32_t pod;  // index into LabelSets::pods
        bool local;
    };

    Result<void> place_pods() {
        const auto pod_lists = classes_.match(sets_);
        std::vector<Claim> claims;
        for (std::uint32_t i = 0; i < sets_.pods.size(); ++i)
            for (const auto& ip : sets_.pods[i].pod->addresses)
                claims.push_back({ip, i, sets_.pods[i].pod->endpoint != 0});
        std::ranges::sort(claims, [](const Claim& a, const Claim& b) {
            if (const auto order = a.ip <=> b.ip; order != 0) return order < 0;
            return std::pair(!a.local, a.pod) < std::pair(!b.local, b.pod);
        });
        for (std::size_t i = 0; i < claims.size(); ++i) {
            if (i > 0 && claims[i].ip == claims[i - 1].ip) continue;
            const auto& entry = sets_.pods[claims[i].pod];
            WEFT_TRY(number, class_number(pod_lists[entry.label_set], regions_.find(claims[i].ip).blocks,
                                          classes_.resolve(*entry.pod)));
            image_.addresses.try_emplace(image_.addresses.end(), claims[i].ip,
                                         Address{.identity = sets_.sets[entry.label_set].identity,
                                                 .class_id = number,
                                                 .endpoint = entry.pod->endpoint,
                                                 .no_masquerade = true,
                                                 .pod_range = in_any(world_.node.pod_ranges, claims[i].ip)});
        }
        return {};
    }

    void name_identities() {
        image_.identities = {{kIdentityUnknown, {{"reserved:unknown", ""}}},
                             {kIdentityHost, {{"reserved:host", ""}}},
                             {kIdentityWorld, {{"reserved:world", ""}}},
                             {kIdentityRemoteNode, {{"reserved:remote-node", ""}}}};
        for (const auto& set : sets_.sets)
            image_.identities.emplace_hint(image_.identities.end(), set.identity,
                                           identity_labels(set, sets_.namespaces[set.namespace_]));
    }

    const World& world_;
    Numbers& numbers_;
    const LabelSets& sets_;
    const Atoms& atoms_;
    const Regions& regions_;
    Classes classes_;
    Image image_;
};

}  // namespace

Result<Image> compile(const World& world, Numbers& numbers) {
    WEFT_TRY(sets, collect_label_sets(world, numbers));
    WEFT_TRY(atoms, collect_atoms(world, sets, numbers));
    WEFT_TRY(regions, Regions::of(atoms.blocks, world.node));
    return Compiler(world, numbers, sets, atoms, regions).run();
}

}  // namespace weft::policy
