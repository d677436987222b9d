#include "policy/lint.hpp"

#include <algorithm>

namespace weft::policy {

namespace {

constexpr std::uint16_t kDnsPort = 53;

const Labels& labels_of(const World& world, const std::string& name, Labels& scratch) {
    if (const auto at = world.namespaces.find(name); at != world.namespaces.end()) return at->second->labels;
    scratch = {{std::string(kNamespaceNameLabel), name}};
    return scratch;
}

bool holds(const PodSet& set, const Pod& pod, const World& world) {
    if (pod.host_network || !set.pods.matches(pod.labels)) return false;
    if (set.namespace_) return *set.namespace_ == pod.namespace_;
    Labels scratch;
    return set.namespaces.matches(labels_of(world, pod.namespace_, scratch));
}

bool anyone(const World& world, auto&& predicate) {
    return std::ranges::any_of(world.pods, [&](const auto& entry) { return predicate(*entry.second); });
}

bool serves(const Pod& pod, const PortMatch& port) {
    return std::ranges::any_of(
        pod.ports, [&](const NamedPort& known) { return known.name == port.name && known.protocol == port.protocol; });
}

std::string rule_path(const Rule& rule) {
    return "$." + rule.place();
}

bool opens_dns(const Rule& rule) {
    if (rule.direction != Direction::kEgress || rule.action != Action::kAllow) return false;
    if (rule.any_port) return true;
    return std::ranges::any_of(rule.ports, [](const PortMatch& port) {
        if (port.protocol != kUdp && port.protocol != kTcp) return false;
        return port.name.empty() ? port.first <= kDnsPort && kDnsPort <= port.last : port.name.starts_with("dns");
    });
}

class Linter {
  public:
    Linter(const Policy& policy, const World& world) : policy_(policy), world_(world) {}

    std::vector<Warning> run() {
        for (spec_ = policy_.specs.data(); spec_ != policy_.specs.data() + policy_.specs.size(); ++spec_) check_spec();
        return std::move(out_);
    }

  private:
    void check_spec() {
        if (!anyone(world_, [&](const Pod& pod) { return holds(spec_->subject, pod, world_); }))
            warn(subject_path(), "selects no pod at present");
        if (spec_->isolates[static_cast<std::size_t>(Direction::kEgress)] &&
            std::ranges::none_of(spec_->rules, opens_dns))
            warn("$.spec.egress",
                 "isolates for egress and opens no port 53: the pods cannot resolve names unless another policy lets "
                 "them");
        for (const auto& rule : spec_->rules) {
            if (!rule.any_peer && rule.peers.empty()) warn(rule_path(rule), "selects no peer: it matches nothing");
            for (std::size_t i = 0; i < rule.ports.size(); ++i) check_name(rule, i);
            for (std::size_t i = 0; i < rule.peers.size(); ++i) check_peer(rule, i);
        }
    }

    std::string subject_path() const {
        if (policy_.name.kind == "NetworkPolicy") return "$.spec.podSelector";
        if (!policy_.name.kind.starts_with("Cilium")) return "$.spec.subject";
        const auto at = spec_ - policy_.specs.data();
        const bool has_spec = policy_.object.contains("spec") && !policy_.object.at("spec").is_null();
        return has_spec && at == 0 ? "$.spec.endpointSelector"
                                   : fmt::format("$.specs[{}].endpointSelector", at - (has_spec ? 1 : 0));
    }

    void warn(std::string path, std::string text) { out_.push_back({std::move(path), std::move(text)}); }

    void check_name(const Rule& rule, std::size_t index) {
        const auto& port = rule.ports[index];
        if (port.name.empty()) return;
        const bool known = anyone(world_, [&](const Pod& pod) {
            return serves(pod, port) && (rule.direction == Direction::kEgress || holds(spec_->subject, pod, world_));
        });
        if (known) return;
        const auto whose = rule.direction == Direction::kEgress ? "no pod" : "no pod that the policy selects";
        warn(policy_.name.kind == "NetworkPolicy" ? fmt::format("{}.ports[{}].port", rule_path(rule), index)
                                                  : rule_path(rule),
             fmt::format("{} has a port named '{}' of that protocol", whose, port.name));
    }

    // Only a NetworkPolicy's peers stand one for one for the entries of a list.
    std::string peer_path(const Rule& rule, std::size_t index) const {
        if (policy_.name.kind != "NetworkPolicy") return rule_path(rule);
        return fmt::format("{}.{}[{}]", rule_path(rule), rule.direction == Direction::kIngress ? "from" : "to", index);
    }

    void check_peer(const Rule& rule, std::size_t index) {
        const auto path = peer_path(rule, index);
        if (rule.peers[index] == Peer(Entity::kKubeApiserver) && world_.node.kube_apiservers.empty())
            warn(path, "no address of an API server is known: the entity kube-apiserver stands for nobody");
        if (const auto* set = std::get_if<PodSet>(&rule.peers[index])) {
            if (!anyone(world_, [&](const Pod& pod) { return holds(*set, pod, world_); }))
                warn(path, "selects no pod at present");
            return;
        }
        if (!std::holds_alternative<IpBlock>(rule.peers[index])) return;
        const auto& block = std::get<IpBlock>(rule.peers[index]);
        if (block.outside) return;
        for (const auto& range : world_.node.pod_ranges) {
            const bool excepted =
                std::ranges::any_of(block.except, [&](const Cidr& hole) { return hole.contains(range); });
            if (block.cidr.contains(range) && !excepted)
                warn(policy_.name.kind == "NetworkPolicy" ? path + ".ipBlock.cidr" : path,
                     fmt::format("{} covers the pods' own addresses {}: it opens to pods too", block.cidr.text(),
                                 range.text()));
        }
    }

    const Policy& policy_;
    const World& world_;
    const Spec* spec_ = nullptr;
    std::vector<Warning> out_;
};

}  // namespace

std::vector<Warning> lint(const Policy& policy, const World& world) {
    return Linter(policy, world).run();
}

}  // namespace weft::policy
