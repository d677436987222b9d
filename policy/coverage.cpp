#include "policy/coverage.hpp"

#include <algorithm>

#include "policy/objects.hpp"

namespace weft::policy {

namespace {

bool includes(const std::vector<std::string>& all, const std::vector<std::string>& some) {
    return std::ranges::includes(all, some);  // both are sorted
}

// Labels that fulfil `given` fulfil `wanted`.
bool implies(const Requirement& given, const Requirement& wanted) {
    if (given.key != wanted.key) return false;
    switch (wanted.op) {
        case Operator::kIn:
            return given.op == Operator::kIn && includes(wanted.values, given.values);
        case Operator::kExists:
            return given.op == Operator::kIn || given.op == Operator::kExists;
        case Operator::kDoesNotExist:
            return given.op == Operator::kDoesNotExist;
        case Operator::kNotIn:
            if (given.op == Operator::kDoesNotExist) return true;
            if (given.op == Operator::kNotIn) return includes(given.values, wanted.values);
            return given.op == Operator::kIn && std::ranges::none_of(given.values, [&](const std::string& value) {
                       return std::ranges::binary_search(wanted.values, value);
                   });
    }
    return false;
}

bool covers_block(const IpBlock& wide, const IpBlock& narrow) {
    if (!wide.cidr.contains(narrow.cidr) || (wide.outside && !narrow.outside)) return false;
    return std::ranges::all_of(wide.except, [&](const Cidr& hole) {
        const bool apart = !hole.contains(narrow.cidr) && !narrow.cidr.contains(hole);
        return apart || std::ranges::any_of(narrow.except, [&](const Cidr& other) { return other.contains(hole); });
    });
}

bool covers_peers(const Rule& wide, const Rule& narrow) {
    if (wide.any_peer) return true;
    if (narrow.any_peer) return false;
    return std::ranges::all_of(narrow.peers, [&](const Peer& peer) {
        return std::ranges::any_of(wide.peers, [&](const Peer& other) { return covers(other, peer); });
    });
}

bool covers_ports(const Rule& wide, const Rule& narrow) {
    if (wide.any_port) return true;
    if (narrow.any_port) return false;
    return std::ranges::all_of(narrow.ports, [&](const PortMatch& port) {
        return std::ranges::any_of(wide.ports, [&](const PortMatch& other) { return covers(other, port); });
    });
}

}  // namespace

bool covers(const LabelSelector& wide, const LabelSelector& narrow) {
    return std::ranges::all_of(wide.requirements(), [&](const Requirement& wanted) {
        return std::ranges::any_of(narrow.requirements(),
                                   [&](const Requirement& given) { return implies(given, wanted); });
    });
}

bool covers(const PodSet& wide, const PodSet& narrow) {
    if (!covers(wide.pods, narrow.pods)) return false;
    if (wide.namespace_) return narrow.namespace_ == wide.namespace_;
    if (!narrow.namespace_) return covers(wide.namespaces, narrow.namespaces);
    // Of a namespace that is named, its name is the one label that is known.
    const LabelSelector named({{std::string(kNamespaceNameLabel), Operator::kIn, {*narrow.namespace_}}});
    return covers(wide.namespaces, named);
}

bool covers(const Peer& wide, const Peer& narrow) {
    if (wide.index() != narrow.index()) return false;
    if (const auto* set = std::get_if<PodSet>(&wide)) return covers(*set, std::get<PodSet>(narrow));
    if (const auto* block = std::get_if<IpBlock>(&wide)) return covers_block(*block, std::get<IpBlock>(narrow));
    if (const auto* nodes = std::get_if<NodeSet>(&wide)) return covers(nodes->nodes, std::get<NodeSet>(narrow).nodes);
    return wide == narrow;
}

bool covers(const PortMatch& wide, const PortMatch& narrow) {
    if (wide.protocol != narrow.protocol) return false;
    if (!wide.name.empty()) return wide.name == narrow.name;
    if (!narrow.name.empty()) return wide.first <= 1 && wide.last == 0xffff;
    return wide.first <= narrow.first && narrow.last <= wide.last;
}

bool covers_subject(const Spec& wide, const Spec& narrow) {
    if (wide.nodes.has_value() != narrow.nodes.has_value()) return false;
    return wide.nodes ? covers(wide.nodes->nodes, narrow.nodes->nodes) : covers(wide.subject, narrow.subject);
}

bool covers(const Rule& wide, const Rule& narrow) {
    return wide.direction == narrow.direction && wide.required.empty() && covers_peers(wide, narrow) &&
           covers_ports(wide, narrow);
}

}  // namespace weft::policy
