#include "policy/compile.hpp"

#include <algorithm>
#include <array>

#include "policy/regions.hpp"
#include "policy/tables.hpp"

namespace weft::policy {

namespace {

bool in_any(const std::vector<Cidr>& ranges, const IpAddr& ip) {
    return std::ranges::any_of(ranges, [&](const Cidr& range) { return range.contains(ip); });
}

// The Node object of this node: the one that has an address of it.
const Node* own_node(const World& world) {
    for (const auto& [name, node] : world.nodes)
        for (const auto& ip : node->addresses)
            if (std::ranges::find(world.node.host_addresses, ip) != world.node.host_addresses.end()) return node.get();
    return nullptr;
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
        WEFT_CHECK(place_nodes());
        WEFT_CHECK(place_pods());
        name_identities();
        WEFT_CHECK(build_tables(atoms_, classes_, numbers_, image_));
        return std::move(image_);
    }

  private:
    Result<std::uint32_t> class_number(const Classes::Key& key) {
        WEFT_TRY(index, classes_.of(key));
        return classes_.all()[index].number;
    }

    Result<void> place_regions() {
        const std::array<std::uint32_t, 2> world = {classes_.traits(std::array{Entity::kWorld6}),
                                                    classes_.traits(std::array{Entity::kWorld4})};
        for (const auto& region : regions_.all()) {
            const Classes::Key inside{.blocks = region.inside};
            const Classes::Key outside{.blocks = region.blocks, .traits = world[region.prefix.address.is_v4() ? 1 : 0]};
            WEFT_TRY(number, class_number(region.pod_range ? inside : outside));
            const auto identity = region.pod_range ? kIdentityUnknown : kIdentityWorld;
            image_.cidrs.emplace_hint(image_.cidrs.end(), region.prefix,
                                      Address{.identity = identity,
                                              .class_id = number,
                                              .no_masquerade = region.no_masquerade || region.pod_range,
                                              .pod_range = region.pod_range});
        }
        return {};
    }

    // The nodes' own addresses and those of API servers elsewhere.
    Result<void> place_nodes() {
        for (const auto& ip : world_.node.kube_apiservers) {
            const auto& region = regions_.find(ip);
            const auto world = ip.is_v4() ? Entity::kWorld4 : Entity::kWorld6;
            WEFT_TRY(number, class_number({.blocks = region.blocks,
                                           .traits = classes_.traits(std::array{Entity::kKubeApiserver, world})}));
            image_.addresses[ip] = {.identity = kIdentityKubeApiserver,
                                    .class_id = number,
                                    .no_masquerade = region.no_masquerade || region.pod_range,
                                    .pod_range = region.pod_range};
        }
        for (const auto& ip : world_.node.remote_nodes) WEFT_CHECK(place_node(ip, nullptr, false));
        const Node* own = own_node(world_);
        for (const auto& [name, node] : world_.nodes)
            for (const auto& ip : node->addresses) WEFT_CHECK(place_node(ip, node.get(), node.get() == own));
        for (const auto& ip : world_.node.host_addresses) WEFT_CHECK(place_node(ip, own, true));
        return {};
    }

    Result<void> place_node(const IpAddr& ip, const Node* node, bool here) {
        std::vector<Entity> entities = {here ? Entity::kHost : Entity::kRemoteNode};
        if (std::ranges::find(world_.node.kube_apiservers, ip) != world_.node.kube_apiservers.end())
            entities.push_back(Entity::kKubeApiserver);
        WEFT_TRY(number,
                 class_number({.blocks = regions_.find(ip).inside,
                               .traits = classes_.traits(entities, node == nullptr ? nullptr : &node->labels)}));
        image_.addresses[ip] = {.identity = here ? kIdentityHost : kIdentityRemoteNode,
                                .class_id = number,
                                .host = here,
                                .no_masquerade = true,
                                .pod_range = in_any(world_.node.pod_ranges, ip)};
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
            WEFT_TRY(number, class_number({.pods = pod_lists[entry.label_set],
                                           .blocks = regions_.find(claims[i].ip).inside,
                                           .ports = classes_.resolve(*entry.pod)}));
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
                             {kIdentityRemoteNode, {{"reserved:remote-node", ""}}},
                             {kIdentityKubeApiserver, {{"reserved:kube-apiserver", ""}}}};
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
