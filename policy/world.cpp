#include "policy/world.hpp"

namespace weft::policy {

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

std::string Rule::place() const {
    return fmt::format("{}[{}]", list, index);
}

std::string Policy::key() const {
    return fmt::format("{}/{}/{}", name.kind, name.namespace_, name.name);
}

std::string_view to_string(Direction direction) {
    return direction == Direction::kEgress ? "egress" : "ingress";
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
