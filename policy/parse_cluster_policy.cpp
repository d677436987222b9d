// ClusterNetworkPolicy policy.networking.k8s.io/v1alpha2 and what it was before: AdminNetworkPolicy and
// BaselineAdminNetworkPolicy v1alpha1. Checks are those of the custom resource definitions (kubernetes-sigs/
// network-policy-api, config/crd).
#include <algorithm>
#include <array>

#include "policy/dns_pattern.hpp"
#include "policy/parse_rules.hpp"

namespace weft::policy {

namespace {

using Ports = std::vector<PortMatch>;

// What the two versions call and count differently.
struct Dialect {
    std::string_view api_version;
    std::string_view allow;  // the action's name
    std::string_view ports;  // the field with the ports
    std::size_t most_rules, most_peers, most_ports;
    Result<Ports> (*port)(const JsonView&);
};

// A name is looked for with every protocol.
Ports named(const std::string& name) {
    Ports out;
    for (const auto protocol : {kTcp, kUdp, kSctp}) out.push_back({protocol, name, 0, 0});
    return out;
}

// {"tcp": {"destinationPort": {"number": 80}}}, {"destinationNamedPort": "web"}
Result<Ports> parse_protocol_match(const JsonView& view) {
    constexpr std::array<std::string_view, 4> kKnown = {"tcp", "udp", "sctp", "destinationNamedPort"};
    WEFT_TRY(member, only_member(view, kKnown));
    const auto& [which, match] = member;
    if (which == "destinationNamedPort") {
        WEFT_TRY(name, parse_port_name(match));
        return named(name);
    }
    const auto protocol = which == "tcp" ? kTcp : which == "udp" ? kUdp : kSctp;
    WEFT_CHECK(match.only({"destinationPort"}));
    WEFT_TRY(port, match.find("destinationPort"));
    if (!port) return Ports{{protocol, {}, 0, 0xffff}};
    constexpr std::array<std::string_view, 2> kForms = {"number", "range"};
    WEFT_TRY(form, only_member(*port, kForms));
    if (form.first == "number") {
        WEFT_TRY(number, parse_port_number(form.second));
        return Ports{{protocol, {}, number, number}};
    }
    WEFT_CHECK(form.second.only({"start", "end"}));
    WEFT_TRY(range, parse_port_range(form.second, protocol));
    return Ports{range};
}

Result<std::uint8_t> protocol_or_tcp(const JsonView& view) {
    WEFT_TRY(protocol, view.find("protocol"));
    if (!protocol) return kTcp;
    return parse_protocol(*protocol);
}

// {"portNumber": {"protocol": "TCP", "port": 80}}, {"portRange": {...}}, {"namedPort": "web"}
Result<Ports> parse_alpha1_port(const JsonView& view) {
    constexpr std::array<std::string_view, 3> kKnown = {"portNumber", "portRange", "namedPort"};
    WEFT_TRY(member, only_member(view, kKnown));
    const auto& [which, match] = member;
    if (which == "namedPort") {
        WEFT_TRY(name, parse_port_name(match));
        return named(name);
    }
    WEFT_CHECK(which == "portNumber" ? match.only({"protocol", "port"}) : match.only({"protocol", "start", "end"}));
    WEFT_TRY(protocol, protocol_or_tcp(match));
    if (which == "portRange") {
        WEFT_TRY(range, parse_port_range(match, protocol));
        return Ports{range};
    }
    WEFT_TRY(port, match.member("port"));
    WEFT_TRY(number, parse_port_number(port));
    return Ports{{protocol, {}, number, number}};
}

constexpr Dialect kAlpha2 = {
    "policy.networking.k8s.io/v1alpha2", "Accept", "protocols", 25, 25, 25, parse_protocol_match};
constexpr Dialect kAlpha1 = {"policy.networking.k8s.io/v1alpha1", "Allow", "ports", 100, 100, 100, parse_alpha1_port};

// The first releases of v1alpha1 wrapped a peer's namespaces: {"namespaceSelector": {...}}, {"sameLabels": [...]}.
Result<LabelSelector> parse_namespaces(const JsonView& view, const Dialect& dialect) {
    if (&dialect == &kAlpha1) {
        for (const auto* relation : {"sameLabels", "notSameLabels"}) {
            WEFT_TRY(found, view.find(relation));
            if (found)
                return not_supported(*found,
                                     "it was taken out of the API; name the namespaces by a selector of their labels");
        }
        WEFT_TRY(wrapped, view.find("namespaceSelector"));
        if (wrapped) {
            WEFT_CHECK(view.only({"namespaceSelector"}));
            return LabelSelector::parse(*wrapped);
        }
    }
    return LabelSelector::parse(view);
}

// {"namespaceSelector": {...}, "podSelector": {...}}, both needed.
Result<PodSet> parse_pods(const JsonView& view, const Dialect& dialect) {
    PodSet out;
    WEFT_TRY(old, &dialect == &kAlpha1 ? view.find("namespaces") : Result<std::optional<JsonView>>(std::nullopt));
    WEFT_CHECK(old ? view.only({"namespaces", "podSelector"}) : view.only({"namespaceSelector", "podSelector"}));
    if (old) {
        WEFT_TRY(namespaces, parse_namespaces(*old, dialect));
        out.namespaces = std::move(namespaces);
    } else {
        WEFT_TRY(selector, view.member("namespaceSelector"));
        WEFT_TRY(namespaces, LabelSelector::parse(selector));
        out.namespaces = std::move(namespaces);
    }
    WEFT_TRY(selector, view.member("podSelector"));
    WEFT_TRY(pods, LabelSelector::parse(selector));
    out.pods = std::move(pods);
    return out;
}

Result<PodSet> parse_subject(const JsonView& spec, const Dialect& dialect) {
    constexpr std::array<std::string_view, 2> kKnown = {"namespaces", "pods"};
    WEFT_TRY(view, spec.member("subject"));
    WEFT_TRY(member, only_member(view, kKnown));
    if (member.first == "pods") return parse_pods(member.second, dialect);
    PodSet out;
    WEFT_TRY(namespaces, LabelSelector::parse(member.second));
    out.namespaces = std::move(namespaces);
    return out;
}

Result<std::vector<Peer>> parse_networks(const JsonView& view) {
    WEFT_TRY(items, view.array());
    if (items.empty() || items.size() > 25) return view.error("must have 1 to 25 entries");
    std::vector<Peer> out;
    for (const auto& item : items) {
        WEFT_TRY(cidr, parse_cidr(item));
        out.emplace_back(IpBlock{.cidr = cidr, .except = {}});
    }
    return out;
}

Result<std::vector<Peer>> parse_domain_names(const JsonView& view) {
    WEFT_TRY(items, view.array());
    if (items.empty() || items.size() > 25) return view.error("must have 1 to 25 entries");
    std::vector<Peer> out;
    for (const auto& item : items) {
        WEFT_TRY(text, item.string());
        auto pattern = pattern_of_domain_name(text);
        if (!pattern) return item.error(pattern.error().message);
        out.emplace_back(DnsPeer{std::move(*pattern)});
    }
    return out;
}

Result<std::vector<Peer>> parse_peer(const JsonView& view, Direction direction, const Dialect& dialect) {
    constexpr std::array<std::string_view, 5> kKnown = {"namespaces", "pods", "nodes", "networks", "domainNames"};
    WEFT_TRY(member, only_member(view, std::span(kKnown).first(direction == Direction::kIngress ? 2 : kKnown.size())));
    const auto& [which, peer] = member;
    if (which == "domainNames") return parse_domain_names(peer);
    if (which == "networks") return parse_networks(peer);
    if (which == "pods") {
        WEFT_TRY(set, parse_pods(peer, dialect));
        return std::vector<Peer>{std::move(set)};
    }
    if (which == "nodes") {
        WEFT_TRY(nodes, LabelSelector::parse(peer));
        return std::vector<Peer>{NodeSet{std::move(nodes)}};
    }
    PodSet set;
    WEFT_TRY(namespaces, parse_namespaces(peer, dialect));
    set.namespaces = std::move(namespaces);
    return std::vector<Peer>{std::move(set)};
}

Result<Action> parse_action(const JsonView& rule, const Dialect& dialect, bool may_pass) {
    WEFT_TRY(view, rule.member("action"));
    WEFT_TRY(text, view.string());
    if (text == dialect.allow) return Action::kAllow;
    if (text == "Deny") return Action::kDeny;
    if (text == "Pass" && may_pass) return Action::kPass;
    return view.error(fmt::format("'{}' is not an action here: use {}{} Deny", text.substr(0, 64), dialect.allow,
                                  may_pass ? ", Pass or" : " or"));
}

Result<void> read_ports(const JsonView& view, const Dialect& dialect, Rule& rule) {
    WEFT_TRY(ports, list_of(view, dialect.ports, dialect.most_ports));
    rule.any_port = ports.empty();
    for (const auto& item : ports) {
        WEFT_TRY(matches, dialect.port(item));
        const bool pods_only =
            std::ranges::all_of(rule.peers, [](const Peer& peer) { return std::holds_alternative<PodSet>(peer); });
        if (!matches.front().name.empty() && !pods_only)
            return item.error("a named port cannot stand beside networks or nodes: they have no named ports");
        rule.ports.insert(rule.ports.end(), matches.begin(), matches.end());
    }
    return {};
}

// What a rule has from its object.
struct Place {
    Direction direction;
    int tier, priority;
    bool may_pass;
};

Result<Rule> parse_rule(const JsonView& view, const Place& place, int index, const Dialect& dialect) {
    const std::string_view peers_field = place.direction == Direction::kIngress ? "from" : "to";
    WEFT_CHECK(view.only({"name", "action", peers_field, dialect.ports}));
    WEFT_TRY(name, view.string_or("name", ""));
    if (name.size() > 100) return view.error("'name' must be at most 100 characters");
    Rule rule;
    rule.direction = place.direction;
    rule.tier = place.tier;
    rule.priority = place.priority;
    rule.list = fmt::format("spec.{}", to_string(place.direction));
    rule.index = index;
    WEFT_TRY(action, parse_action(view, dialect, place.may_pass));
    rule.action = action;
    WEFT_TRY(peers_view, view.member(peers_field));
    WEFT_TRY(peers, list_of(view, peers_field, dialect.most_peers));
    if (peers.empty()) return peers_view.error("must have at least one entry");
    for (const auto& item : peers) {
        WEFT_TRY(parsed, parse_peer(item, place.direction, dialect));
        if (std::holds_alternative<DnsPeer>(parsed.front()) && rule.action != Action::kAllow)
            return item.error(fmt::format("domainNames may only stand in rules with the action {}", dialect.allow));
        for (auto& peer : parsed) rule.peers.push_back(std::move(peer));
    }
    WEFT_CHECK(read_ports(view, dialect, rule));
    return rule;
}

Result<void> read_rules(const JsonView& spec, Place place, const Dialect& dialect, Spec& out) {
    for (const auto direction : {Direction::kEgress, Direction::kIngress}) {
        place.direction = direction;
        WEFT_TRY(items, list_of(spec, to_string(direction), dialect.most_rules));
        for (std::size_t i = 0; i < items.size(); ++i) {
            WEFT_TRY(rule, parse_rule(items[i], place, static_cast<int>(i), dialect));
            out.rules.push_back(std::move(rule));
        }
    }
    return {};
}

struct Opened {
    Policy policy;
    JsonView spec;
};

Result<Opened> open(const JsonView& view, std::string_view kind, const Dialect& dialect) {
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "spec", "status"}));
    Policy policy;
    WEFT_CHECK(parse_policy_metadata(view, Scope::kCluster, kind, policy));
    policy.object = complete(view.raw(), dialect.api_version, kind);
    WEFT_TRY(spec, view.member("spec"));
    WEFT_TRY(subject, parse_subject(spec, dialect));
    policy.specs.emplace_back().subject = std::move(subject);
    return Opened{std::move(policy), spec};
}

Result<int> parse_priority(const JsonView& spec) {
    WEFT_TRY(view, spec.member("priority"));
    WEFT_TRY(number, view.integer(0, kMaxPriority));
    return static_cast<int>(number);
}

}  // namespace

Result<Policy> parse_cluster_network_policy(const JsonView& view) {
    WEFT_TRY(opened, open(view, "ClusterNetworkPolicy", kAlpha2));
    auto& [policy, spec] = opened;
    WEFT_CHECK(spec.only({"tier", "priority", "subject", "ingress", "egress"}));
    WEFT_TRY(tier_view, spec.member("tier"));
    WEFT_TRY(tier, tier_view.string());
    if (tier != "Admin" && tier != "Baseline")
        return tier_view.error(fmt::format("'{}' is not a tier: use Admin or Baseline", tier.substr(0, 64)));
    WEFT_TRY(priority, parse_priority(spec));
    const Place place{{}, tier == "Admin" ? kAdminTier : kBaselineTier, priority, true};
    WEFT_CHECK(read_rules(spec, place, kAlpha2, policy.specs.front()));
    return std::move(policy);
}

Result<Policy> parse_admin_network_policy(const JsonView& view) {
    WEFT_TRY(opened, open(view, "AdminNetworkPolicy", kAlpha1));
    auto& [policy, spec] = opened;
    WEFT_CHECK(spec.only({"priority", "subject", "ingress", "egress"}));
    WEFT_TRY(priority, parse_priority(spec));
    WEFT_CHECK(read_rules(spec, {{}, kAdminTier, priority, true}, kAlpha1, policy.specs.front()));
    return std::move(policy);
}

Result<Policy> parse_baseline_admin_network_policy(const JsonView& view) {
    WEFT_TRY(opened, open(view, "BaselineAdminNetworkPolicy", kAlpha1));
    auto& [policy, spec] = opened;
    if (policy.name.name != "default") return view.error("a BaselineAdminNetworkPolicy must be named 'default'");
    WEFT_CHECK(spec.only({"subject", "ingress", "egress"}));
    // It has no priority: it comes after every ClusterNetworkPolicy of its tier.
    WEFT_CHECK(read_rules(spec, {{}, kBaselineTier, kMaxPriority + 1, false}, kAlpha1, policy.specs.front()));
    return std::move(policy);
}

}  // namespace weft::policy
