#include "policy/placement.hpp"

#include <algorithm>

#include "policy/compile.hpp"

namespace weft::policy {

namespace {

bool in_any(const std::vector<Cidr>& ranges, const IpAddr& ip) {
    return std::ranges::any_of(ranges, [&](const Cidr& range) { return range.contains(ip); });
}

bool has(const std::vector<IpAddr>& list, const IpAddr& ip) {
    return std::ranges::find(list, ip) != list.end();
}

std::size_t addresses_in(const Cidr& prefix) {
    constexpr int kMost = 32;  // as a power of 2: more is as good as endless
    return std::size_t{1} << std::min(prefix.address.bits() - prefix.length, kMost);
}

Entity world_of(const IpAddr& ip) {
    return ip.is_v4() ? Entity::kWorld4 : Entity::kWorld6;
}

}  // namespace

// The last that is said of an address holds: nodes over API servers, this node over others.
void Placement::set_nodes(const World& world) {
    for (const auto& [ip, fixed] : fixed_) dirty_.push_back({ip});
    fixed_.clear();
    for (const auto& ip : world.node.kube_apiservers)
        fixed_[ip] = {kIdentityKubeApiserver, {Entity::kKubeApiserver, world_of(ip)}, nullptr, false};
    for (const auto& ip : world.node.remote_nodes) fix(world, ip, nullptr, false);
    const auto own = own_node(world);
    for (const auto& [name, node] : world.nodes)
        for (const auto& ip : node->addresses) fix(world, ip, node, node == own);
    for (const auto& ip : world.node.host_addresses) fix(world, ip, own, true);
    for (const auto& [ip, fixed] : fixed_) dirty_.push_back({ip});
}

void Placement::fix(const World& world, const IpAddr& ip, const std::shared_ptr<const Node>& node, bool here) {
    Fixed fixed{here ? kIdentityHost : kIdentityRemoteNode, {here ? Entity::kHost : Entity::kRemoteNode}, node, here};
    if (has(world.node.kube_apiservers, ip)) fixed.entities.push_back(Entity::kKubeApiserver);
    fixed_[ip] = std::move(fixed);
}

void Placement::touch(const LabelSet& set) {
    for (const auto pod : set.pods)
        for (const auto& ip : sets_.pod(pod).addresses) dirty_.push_back({ip, pod});
}

void Placement::name_born() {
    for (const auto number : sets_.born()) {
        const auto& set = sets_.set(number);
        if (set.pods.empty()) continue;
        const auto& in = sets_.namespace_of(set);
        image_.set_identity(set.identity,
                            IdentityLabels{.namespace_ = in.name, .own = set.labels, .of_namespace = in.labels});
    }
}

void Placement::set_ports(std::uint32_t pod, std::uint32_t list) {
    if (ports_.size() <= pod) ports_.resize(pod + 1);
    classes_.lists().release(ports_[pod]);
    ports_[pod] = list;
}

bool Placement::ports_change(const Pod& pod) const {
    const auto named = [&](std::uint32_t atom) {
        const auto& name = atoms_.names.value(atom);
        return std::ranges::any_of(
            pod.ports, [&](const NamedPort& port) { return port.protocol == name.protocol && port.name == name.name; });
    };
    return std::ranges::any_of(atoms_.names.born(), named) || std::ranges::any_of(atoms_.names.dying(), named);
}

// The pods that have a port of a name that egress rules did not name until now, or name no more, are looked for among
// all.
void Placement::resolve_ports() {
    if (!atoms_.names.born().empty() || !atoms_.names.dying().empty())
        for (std::uint32_t number = 0; number < sets_.pods_end(); ++number) {
            const auto& pod = sets_.pod(number).pod;
            if (pod == nullptr || pod->ports.empty() || !ports_change(*pod)) continue;
            set_ports(number, classes_.ports_of(*pod));
            for (const auto& ip : pod->addresses) dirty_.push_back({ip});
        }
    for (const auto number : sets_.touched()) {
        const auto& pod = sets_.pod(number).pod;
        set_ports(number, pod == nullptr ? 0 : classes_.ports_of(*pod));
    }
}

Result<void> Placement::update(const World& world) {
    name_born();
    resolve_ports();
    WEFT_CHECK(place_regions());
    touch_inside(regions_.changed_inside());
    if (!atoms_.traits.born().empty() || !atoms_.traits.dying().empty())
        for (const auto& [ip, fixed] : fixed_) dirty_.push_back({ip});
    for (const auto& prefix : regions_.changed())  // of API servers elsewhere
        for (const auto& [ip, fixed] : fixed_)
            if (prefix.contains(ip)) dirty_.push_back({ip});
    for (const auto& ip : sets_.addresses()) dirty_.push_back({ip});
    std::ranges::sort(dirty_, {}, &Dirty::ip);
    const auto rest = std::ranges::unique(dirty_, {}, &Dirty::ip);
    dirty_.erase(rest.begin(), rest.end());
    for (const auto& address : dirty_) WEFT_CHECK(place(world, address));
    dirty_.clear();
    return {};
}

// Where there are fewer addresses in the prefixes than rows, they are tried one by one.
void Placement::touch_inside(const std::vector<Cidr>& prefixes) {
    const auto& rows = image_.image().addresses;
    std::size_t inside = 0;
    for (const auto& prefix : prefixes) inside += addresses_in(prefix);
    if (inside > rows.size()) {
        for (const auto& [ip, row] : rows)
            if (in_any(prefixes, ip)) dirty_.push_back({ip});
        return;
    }
    for (const auto& prefix : prefixes)
        for (std::size_t i = 0; i < addresses_in(prefix); ++i)
            if (const auto ip = prefix.address.plus(i); rows.contains(ip)) dirty_.push_back({ip});
}

Result<void> Placement::place_regions() {
    if (atoms_.traits.born().empty() && atoms_.traits.dying().empty()) {
        for (const auto& prefix : regions_.changed()) WEFT_CHECK(place_region(prefix));
        return {};
    }
    for (const auto& [prefix, region] : regions_.all()) WEFT_CHECK(place_region(prefix));
    for (const auto& prefix : regions_.changed())
        if (!regions_.all().contains(prefix)) WEFT_CHECK(place_region(prefix));
    return {};
}

Result<void> Placement::place_region(const Cidr& prefix) {
    const auto at = regions_.all().find(prefix);
    if (at == regions_.all().end()) {
        write(prefix, image_.image().cidrs, std::nullopt);
        return {};
    }
    const Region& region = at->second;
    const bool ours = region.pod_range;
    const auto traits = ours ? 0U : classes_.traits(std::array{world_of(prefix.address)});
    const auto acquired = classes_.acquire({.blocks = ours ? region.inside : region.blocks, .traits = traits});
    classes_.lists().release(traits);
    if (!acquired) return std::unexpected(acquired.error());
    write(prefix, image_.image().cidrs,
          Address{.identity = ours ? kIdentityUnknown : kIdentityWorld,
                  .class_id = classes_[*acquired].number,
                  .no_masquerade = region.no_masquerade || ours,
                  .pod_range = ours});
    return {};
}

// The row, whose class is held already; what the row before held is let go.
template <typename Key, typename Rows>
void Placement::write(const Key& key, const Rows& rows, const std::optional<Address>& row) {
    const auto before = rows.find(key);
    const bool there = before != rows.end();
    const std::uint32_t old = there ? classes_.with_number(before->second.class_id) : 0;
    if (row ? !there || !(before->second == *row) : there) image_.set(key, row);
    if (there) classes_.release(old);
}

// Of two pods that claim one address, the local one has it, then the one with the lower key.
const PodEntry* Placement::owner(const Dirty& address) const {
    if (address.pod && !sets_.contested(address.ip)) return &sets_.pod(*address.pod);
    const PodEntry* best = nullptr;
    sets_.claims(address.ip, [&](std::uint32_t number) {
        const auto& entry = sets_.pod(number);
        const bool local = entry.pod->endpoint != 0;
        if (best != nullptr) {
            const bool best_local = best->pod->endpoint != 0;
            if (local != best_local ? best_local : *best->key < *entry.key) return;
        }
        best = &entry;
    });
    return best;
}

Result<Address> Placement::wanted_fixed(const World& world, const IpAddr& ip, const Fixed& fixed) {
    const auto& region = regions_.find(ip);
    const bool outside = fixed.identity == kIdentityKubeApiserver;
    const auto traits = classes_.traits(fixed.entities, fixed.node == nullptr ? nullptr : &fixed.node->labels);
    const auto acquired = classes_.acquire({.blocks = outside ? region.blocks : region.inside, .traits = traits});
    classes_.lists().release(traits);
    if (!acquired) return std::unexpected(acquired.error());
    return Address{.identity = fixed.identity,
                   .class_id = classes_[*acquired].number,
                   .host = fixed.host,
                   .no_masquerade = !outside || region.no_masquerade || region.pod_range,
                   .pod_range = outside ? region.pod_range : in_any(world.node.pod_ranges, ip)};
}

// With its class held.
Result<std::optional<Address>> Placement::wanted(const World& world, const Dirty& address) {
    const auto& ip = address.ip;
    if (const auto fixed = fixed_.find(ip); fixed != fixed_.end()) {
        WEFT_TRY(row, wanted_fixed(world, ip, fixed->second));
        return row;
    }
    const auto* entry = owner(address);
    if (entry == nullptr) return std::nullopt;
    const auto& set = sets_.set(entry->set);
    WEFT_TRY(index,
             classes_.acquire({.pods = set.list, .blocks = regions_.find(ip).inside, .ports = ports_[entry->number]}));
    return Address{.identity = set.identity,
                   .class_id = classes_[index].number,
                   .endpoint = entry->endpoint,
                   .no_masquerade = true,
                   .pod_range = in_any(world.node.pod_ranges, ip)};
}

Result<void> Placement::place(const World& world, const Dirty& address) {
    WEFT_TRY(row, wanted(world, address));
    write(address.ip, image_.image().addresses, row);
    return {};
}

}  // namespace weft::policy
