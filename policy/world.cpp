#include "policy/world.hpp"

#include <algorithm>

namespace weft::policy {

std::string PolicyName::text() const {
    return namespace_.empty() ? fmt::format("{} {}", kind, name) : fmt::format("{} {}/{}", kind, namespace_, name);
}

std::string PodSet::text() const {
    return namespace_ ? fmt::format("pods {} of namespace {}", pods.text(), *namespace_)
                      : fmt::format("pods {} of namespaces {}", pods.text(), namespaces.text());
}

bool IpBlock::contains(const IpAddr& ip) const {
    if (!cidr.contains(ip)) return false;
    for (const auto& hole : except)
        if (hole.contains(ip)) return false;
    return true;
}

std::string IpBlock::text() const {
    std::string out = cidr.text();
    for (const auto& hole : except) out += " except " + hole.text();
    if (outside) out += " outside";
    return out;
}

std::string NodeSet::text() const {
    return "nodes " + nodes.text();
}

std::string CidrGroupRef::text() const {
    std::string out = name.empty() ? "groups " + groups.text() : "group " + name;
    for (const auto& hole : except) out += " except " + hole.text();
    return out;
}

namespace {

std::string peer_text(const Peer& peer) {
    return std::visit(
        [](const auto& what) {
            if constexpr (std::is_same_v<std::decay_t<decltype(what)>, Entity>)
                return fmt::format("entity {}", static_cast<int>(what));
            else
                return what.text();
        },
        peer);
}

// In the order of the texts: what the order of the list says is nothing.
std::string sorted_lines(std::vector<std::string> lines) {
    std::ranges::sort(lines);
    std::string out;
    for (const auto& line : lines) out += line + "\n";
    return out;
}

}  // namespace

std::string Rule::text() const {
    std::vector<std::string> from, to, held;
    for (const auto& peer : peers) from.push_back(peer_text(peer));
    for (const auto& port : ports)
        to.push_back(fmt::format("{}/{}/{}-{}", port.protocol, port.name, port.first, port.last));
    for (const auto& set : required) held.push_back(set.text());
    return fmt::format("{} {} of tier {}{}{}{}\npeers {}ports {}required {}", to_string(direction),
                       static_cast<int>(action), tier, any_peer ? ", any peer" : "", any_port ? ", any port" : "",
                       constrained ? ", constrained" : "", sorted_lines(std::move(from)), sorted_lines(std::move(to)),
                       sorted_lines(std::move(held)));
}

std::string Rule::place() const {
    return fmt::format("{}[{}]", list, index);
}

std::string Policy::key() const {
    return fmt::format("{}/{}/{}", name.kind, name.namespace_, name.name);
}

std::string_view tier_name(int tier) {
    return tier == kAdminTier ? "Admin" : tier == kBaselineTier ? "Baseline" : "NetworkPolicy";
}

std::string_view to_string(Direction direction) {
    return direction == Direction::kEgress ? "egress" : "ingress";
}

std::shared_ptr<const Node> own_node(const World& world) {
    for (const auto& [name, node] : world.nodes)
        for (const auto& ip : node->addresses)
            if (std::ranges::find(world.node.host_addresses, ip) != world.node.host_addresses.end()) return node;
    return nullptr;
}

bool selects_own_node(const World& world, const Spec& spec) {
    if (!spec.nodes) return false;
    const auto own = own_node(world);
    return spec.nodes->nodes.matches(own == nullptr ? Labels{} : own->labels);
}

bool selects(const World& world, const PodSet& set, const Pod& pod) {
    if (pod.host_network || !set.pods.matches(pod.labels)) return false;
    if (set.namespace_) return *set.namespace_ == pod.namespace_;
    if (const auto at = world.namespaces.find(pod.namespace_); at != world.namespaces.end())
        return set.namespaces.matches(at->second->labels);
    return set.namespaces.matches({{std::string(kNamespaceNameLabel), pod.namespace_}});
}

void World::put(Namespace object) {
    auto name = object.name;
    namespaces[std::move(name)] = std::make_shared<const Namespace>(std::move(object));
}

void World::put(Pod object) {
    auto key = object.namespace_ + "/" + object.name;
    pods[std::move(key)] = std::make_shared<const Pod>(std::move(object));
}

void World::put(Node object) {
    auto name = object.name;
    nodes[std::move(name)] = std::make_shared<const Node>(std::move(object));
}

void World::put(CidrGroup object) {
    auto name = object.name;
    cidr_groups[std::move(name)] = std::make_shared<const CidrGroup>(std::move(object));
}

void World::put(Policy object) {
    auto name = object.name;
    policies[std::move(name)] = std::make_shared<const Policy>(std::move(object));
}

}  // namespace weft::policy
