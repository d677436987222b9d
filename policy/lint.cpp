#include "policy/lint.hpp"

#include <algorithm>

#include "policy/coverage.hpp"
#include "policy/icmp_types.hpp"
#include "policy/shadow.hpp"

namespace weft::policy {

namespace {

constexpr std::uint16_t kDnsPort = 53;

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

bool is_about_dns(const PortMatch& port) {
    return port.protocol == kUdp &&
           (port.name.empty() ? port.first <= kDnsPort && kDnsPort <= port.last : port.name.starts_with("dns"));
}

// Whether a resolver may be among them: the cluster's is a pod of another namespace than most policies', or an address.
bool may_be_resolver(const Peer& peer) {
    if (std::holds_alternative<DnsPeer>(peer)) return false;  // known by a name, for which a resolver was asked
    if (const auto* set = std::get_if<PodSet>(&peer)) return set->namespace_.value_or("kube-system") == "kube-system";
    const auto* block = std::get_if<IpBlock>(&peer);
    return block == nullptr || block->cidr.length < block->cidr.address.bits();
}

// A rule that names the port is meant for it, whoever its peers are.
bool opens_dns(const Rule& rule) {
    if (rule.direction != Direction::kEgress || rule.action != Action::kAllow) return false;
    if (!rule.any_port && std::ranges::none_of(rule.ports, is_about_dns)) return false;
    const bool named = std::ranges::any_of(rule.ports, [](const PortMatch& port) {
        return is_about_dns(port) && (!port.name.empty() || port.first == port.last);
    });
    return rule.any_peer || std::ranges::any_of(rule.peers, [&](const Peer& peer) {
               return may_be_resolver(peer) || (named && !std::holds_alternative<DnsPeer>(peer));
           });
}

bool closes_dns(const Rule& rule) {
    return rule.direction == Direction::kEgress && rule.action == Action::kDeny && rule.any_peer &&
           (rule.any_port || std::ranges::any_of(rule.ports, is_about_dns));
}

class Linter {
  public:
    Linter(const Policy& policy, const World& world, Known known) : policy_(policy), world_(world), known_(known) {}

    std::vector<Warning> run() {
        for (spec_ = policy_.specs.data(); spec_ != policy_.specs.data() + policy_.specs.size(); ++spec_) check_spec();
        return std::move(out_);
    }

  private:
    void check_spec() {
        if (known_ == Known::kAll && !selects_any())
            warn(subject_path(), WarningKind::kSelectsNoPod,
                 spec_->nodes ? "selects no node at present" : "selects no pod at present");
        if (spec_->isolates[static_cast<std::size_t>(Direction::kEgress)] && !dns_is_open())
            warn(egress_path(), WarningKind::kDeniesDns,
                 fmt::format("isolates for egress, and nothing opens port 53: the {} cannot resolve names",
                             spec_->nodes ? "nodes" : "pods"));
        for (std::size_t i = 0; i < spec_->rules.size(); ++i) {
            const auto& rule = spec_->rules[i];
            if (!rule.any_peer && rule.peers.empty())
                warn(rule_path(rule), WarningKind::kNoPeer, "selects no peer: it matches nothing");
            check_shadow(i);
            check_icmp(rule);
            if (known_ == Known::kAll) check_state(rule);
        }
        if (policy_.name.kind == "NetworkPolicy") check_types();
    }

    // The parser leaves the rules of a direction out that policyTypes does not name, as the specification wants it.
    void check_types() {
        for (const auto direction : {Direction::kIngress, Direction::kEgress}) {
            const auto& spec = policy_.object.at("spec");
            const auto rules = spec.find(to_string(direction));
            if (spec_->isolates[static_cast<std::size_t>(direction)] || rules == spec.end() || rules->empty()) continue;
            warn(fmt::format("$.spec.{}", to_string(direction)), WarningKind::kNotAsked,
                 fmt::format("policyTypes does not name {}: none of these rules is asked",
                             direction == Direction::kIngress ? "Ingress" : "Egress"));
        }
    }

    bool selects_any() const {
        if (!spec_->nodes) return anyone(world_, [&](const Pod& pod) { return selects(world_, spec_->subject, pod); });
        const auto matches = [&](const auto& entry) { return spec_->nodes->nodes.matches(entry.second->labels); };
        return selects_own_node(world_, *spec_) || std::ranges::any_of(world_.nodes, matches);
    }

    void check_state(const Rule& rule) {
        for (std::size_t i = 0; i < rule.ports.size(); ++i) check_name(rule, i);
        for (std::size_t i = 0; i < rule.peers.size(); ++i) check_peer(rule, i);
    }

    // By the policy itself, or by another for all the same pods.
    bool dns_is_open() const {
        if (std::ranges::any_of(spec_->rules, closes_dns)) return false;
        const auto opens = [&](const Spec& spec) {
            return std::ranges::any_of(spec.rules, opens_dns) && covers_subject(spec, *spec_);
        };
        if (std::ranges::any_of(policy_.specs, opens)) return true;
        return std::ranges::any_of(world_.policies, [&](const auto& entry) {
            return entry.first != policy_.name && (policy_.audit || !entry.second->audit) &&
                   std::ranges::any_of(entry.second->specs, opens);
        });
    }

    void check_icmp(const Rule& rule) {
        for (const auto& port : rule.ports)
            if ((port.protocol == kIcmp || port.protocol == kIcmpv6) &&
                !opens_connections(port.protocol, static_cast<std::uint8_t>(port.first)))
                warn(rule_path(rule) + ".icmps", WarningKind::kNotAsked,
                     fmt::format("no policy is asked about type {} of {}: errors belong to the connection that they "
                                 "are about, neighbour discovery stays on the link",
                                 port.first, port.protocol == kIcmp ? "ICMP" : "ICMPv6"));
    }

    void check_shadow(std::size_t index) {
        const auto found = shadow_of(policy_, *spec_, index, world_);
        if (!found) return;
        std::string whose;
        for (const auto& [policy, rule] : found->rules) {
            if (!whose.empty()) whose += ", ";
            whose += policy == policy_.name ? "$." + rule : policy.text() + " " + rule;
        }
        const bool one = found->rules.size() == 1;
        warn(rule_path(spec_->rules[index]), WarningKind::kShadowed,
             found->agrees
                 ? fmt::format("adds nothing: {} {} the same for all that it matches", whose, one ? "does" : "do")
                 : fmt::format("never decides: {} {} all that it matches before", whose, one ? "decides" : "decide"));
    }

    // Where the spec stands in the object.
    std::string spec_path() const {
        const auto at = spec_ - policy_.specs.data();
        const bool has_spec = policy_.object.contains("spec") && !policy_.object.at("spec").is_null();
        return has_spec && at == 0 ? "$.spec" : fmt::format("$.specs[{}]", at - (has_spec ? 1 : 0));
    }

    std::string egress_path() const {
        const auto& object = policy_.object;
        const auto spec = object.find("spec");
        const bool denies_alone = spec != object.end() && spec->contains("egressDeny") && !spec->contains("egress");
        return spec_path() + (denies_alone ? ".egressDeny" : ".egress");
    }

    std::string subject_path() const {
        if (policy_.name.kind == "NetworkPolicy") return "$.spec.podSelector";
        if (spec_->nodes) return spec_path() + ".nodeSelector";
        return spec_path() + (policy_.name.kind.starts_with("Cilium") ? ".endpointSelector" : ".subject");
    }

    void warn(std::string path, WarningKind kind, std::string text) {
        out_.push_back({std::move(path), kind, std::move(text)});
    }

    // Of a name without a protocol the parser makes one entry for each: it is looked for once, with any of them.
    void check_name(const Rule& rule, std::size_t index) {
        const auto& name = rule.ports[index].name;
        if (name.empty()) return;
        const bool alone = policy_.name.kind == "NetworkPolicy";
        const auto first = std::ranges::find(rule.ports, name, &PortMatch::name);
        if (!alone && first - rule.ports.begin() != static_cast<std::ptrdiff_t>(index)) return;
        const auto is_known = [&](const PortMatch& port) {
            return anyone(world_, [&](const Pod& pod) {
                return serves(pod, port) &&
                       (rule.direction == Direction::kEgress || selects(world_, spec_->subject, pod));
            });
        };
        const auto same = [&](const PortMatch& port) { return port.name == name && is_known(port); };
        if (alone ? is_known(rule.ports[index]) : std::ranges::any_of(rule.ports, same)) return;
        const auto whose = rule.direction == Direction::kEgress ? "no pod" : "no pod that the policy selects";
        warn(alone ? fmt::format("{}.ports[{}].port", rule_path(rule), index) : rule_path(rule),
             WarningKind::kUnknownPortName, fmt::format("{} has a port named '{}' of that protocol", whose, name));
    }

    // Only a NetworkPolicy's peers stand one for one for the entries of a list.
    std::string peer_path(const Rule& rule, std::size_t index) const {
        if (policy_.name.kind != "NetworkPolicy") return rule_path(rule);
        return fmt::format("{}.{}[{}]", rule_path(rule), rule.direction == Direction::kIngress ? "from" : "to", index);
    }

    void check_peer(const Rule& rule, std::size_t index) {
        const auto path = peer_path(rule, index);
        const bool of_cluster = index >= 3 && rule.peers[index - 3] == Peer(PodSet{});  // the entity's last peer
        if (rule.peers[index] == Peer(Entity::kKubeApiserver) && !of_cluster && world_.node.kube_apiservers.empty())
            warn(path, WarningKind::kNoApiServer,
                 "no address of an API server is known: the entity kube-apiserver stands for nobody");
        if (const auto* set = std::get_if<PodSet>(&rule.peers[index])) {
            if (!anyone(world_, [&](const Pod& pod) { return selects(world_, *set, pod); }))
                warn(path, WarningKind::kNoPeer, "selects no pod at present");
            return;
        }
        if (const auto* nodes = std::get_if<NodeSet>(&rule.peers[index])) {
            const auto matches = [&](const auto& entry) { return nodes->nodes.matches(entry.second->labels); };
            if (std::ranges::none_of(world_.nodes, matches))
                warn(path, WarningKind::kNoPeer, "selects no node at present");
            return;
        }
        if (const auto* group = std::get_if<CidrGroupRef>(&rule.peers[index])) {
            const auto matches = [&](const auto& entry) {
                return group->name.empty() ? group->groups.matches(entry.second->labels) : entry.first == group->name;
            };
            if (std::ranges::none_of(world_.cidr_groups, matches))
                warn(path, WarningKind::kNoPeer, "names no CiliumCIDRGroup that is known: it matches nothing");
            return;
        }
        if (const auto* block = std::get_if<IpBlock>(&rule.peers[index])) check_block(rule, *block, path);
    }

    void check_block(const Rule& rule, const IpBlock& block, const std::string& path) {
        for (const auto& range : world_.node.pod_ranges) {
            if (block.outside) {
                if (range.contains(block.cidr))
                    warn(path, WarningKind::kNoPeer,
                         fmt::format("{} holds pods' addresses only, and Cilium's CIDRs match what is outside: select "
                                     "pods by their labels",
                                     block.cidr.text()));
                continue;
            }
            const bool excepted =
                std::ranges::any_of(block.except, [&](const Cidr& hole) { return hole.contains(range); });
            if (block.cidr.contains(range) && !excepted)
                warn(policy_.name.kind == "NetworkPolicy" ? path + ".ipBlock.cidr" : path, WarningKind::kCoversPods,
                     fmt::format("{} covers the pods' own addresses {}: it {} pods too", block.cidr.text(),
                                 range.text(), rule.action == Action::kDeny ? "denies" : "opens to"));
        }
    }

    const Policy& policy_;
    const World& world_;
    Known known_;
    const Spec* spec_ = nullptr;
    std::vector<Warning> out_;
};

}  // namespace

std::string_view to_string(WarningKind kind) {
    switch (kind) {
        case WarningKind::kSelectsNoPod:
            return "selects-no-pod";
        case WarningKind::kNoPeer:
            return "no-peer";
        case WarningKind::kUnknownPortName:
            return "unknown-port-name";
        case WarningKind::kShadowed:
            return "shadowed";
        case WarningKind::kCoversPods:
            return "covers-pods";
        case WarningKind::kNoApiServer:
            return "no-api-server";
        case WarningKind::kDeniesDns:
            return "denies-dns";
        case WarningKind::kNotAsked:
            return "not-asked";
    }
    return "unknown";
}

std::vector<Warning> lint(const Policy& policy, const World& world, Known known) {
    return Linter(policy, world, known).run();
}

Json warnings_json(const std::vector<Object>& objects, World world, Known known) {
    for (const auto& object : objects) std::visit([&](const auto& what) { world.put(what); }, object);
    Json out = Json::array();
    for (const auto& object : objects) {
        const auto* policy = std::get_if<Policy>(&object);
        if (policy == nullptr) continue;
        for (const auto& warning : lint(*policy, world, known))
            out.push_back({{"object", policy->name.text()},
                           {"path", warning.path},
                           {"kind", to_string(warning.kind)},
                           {"message", warning.text}});
    }
    return out;
}

}  // namespace weft::policy
