#include "tests/unit/policy/oracle.hpp"

#include <algorithm>

#include "tests/unit/policy/oracle_parts.hpp"

namespace weft::policy::test {

namespace {

// Admin tier, then what NetworkPolicy and Cilium's kinds say together, then the Baseline tier.
OracleSide judge_side(const World& world, const Packet& packet, const Ends& ends) {
    OracleSide out{.judged = true, .allow = true, .rules = {}, .isolating = {}};
    const auto decided = [&](const TierVerdict& tier) {
        if (tier.says != Says::kAllow && tier.says != Says::kDeny) return false;
        out.allow = tier.says == Says::kAllow;
        out.rules = tier.rules;
        return true;
    };
    const bool of_node = ends.own == nullptr;  // of whom only Cilium's kind speaks
    if (!of_node && decided(judge_cluster_tier(world, packet, ends, "Admin"))) return out;
    Gathered middle;
    if (!of_node) gather_network_policies(world, packet, ends, middle);
    gather_cilium_policies(world, packet, ends, middle);
    if (!middle.denies.empty()) {
        out.allow = false;
        out.rules = middle.denies;
        return out;
    }
    if (!middle.allows.empty()) {
        out.rules = middle.allows;
        return out;
    }
    if (!middle.isolating.empty()) {
        out.allow = false;
        std::ranges::sort(middle.isolating);
        const auto rest = std::ranges::unique(middle.isolating);
        middle.isolating.erase(rest.begin(), rest.end());
        out.isolating = middle.isolating;
        return out;
    }
    if (!of_node) decided(judge_cluster_tier(world, packet, ends, "Baseline"));
    return out;
}

const Pod* pod_at(const World& world, const IpAddr& ip) {
    for (const auto& [key, pod] : world.pods)
        if (!pod->host_network && std::ranges::find(pod->addresses, ip) != pod->addresses.end()) return pod.get();
    return nullptr;
}

}  // namespace

World enforced(const World& world) {
    World out = world;
    std::erase_if(out.policies, [](const auto& entry) {
        const auto& metadata = entry.second->object.at("metadata");
        return given(metadata, "annotations") && metadata.at("annotations").value("weft.io/mode", "") == "audit";
    });
    return out;
}

OracleVerdict judge(const World& world, const Packet& packet) {
    OracleVerdict out;
    const Pod* source = pod_at(world, packet.source);
    const Pod* destination = pod_at(world, packet.destination);
    if (source != nullptr && source == destination) return out;
    const bool has_node = world.node.endpoint != 0;
    const bool from_node = has_node && source == nullptr && is_host(world, packet.source);
    const bool to_node = has_node && destination == nullptr && is_host(world, packet.destination);
    if (from_node && to_node) return out;
    if (from_node)
        out.egress = judge_side(world, packet, {true, nullptr, destination, destination, packet.destination});
    if (to_node) out.ingress = judge_side(world, packet, {false, nullptr, source, nullptr, packet.source});
    if (source != nullptr && source->endpoint != 0)
        out.egress = judge_side(world, packet, {true, source, destination, destination, packet.destination});
    const bool from_host = source == nullptr && is_host(world, packet.source);
    if (destination != nullptr && destination->endpoint != 0 && !from_host)
        out.ingress = judge_side(world, packet, {false, destination, source, destination, packet.source});
    return out;
}

}  // namespace weft::policy::test
