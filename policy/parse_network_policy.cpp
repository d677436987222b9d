// NetworkPolicy networking.k8s.io/v1: pkg/apis/networking/validation of Kubernetes, and its defaults
// (pkg/apis/networking/v1).
#include <algorithm>

#include "policy/parse_rules.hpp"

namespace weft::policy {

namespace {

Result<IpBlock> parse_ip_block(const JsonView& view) {
    WEFT_CHECK(view.only({"cidr", "except"}));
    WEFT_TRY(cidr_view, view.member("cidr"));
    WEFT_TRY(cidr, parse_cidr(cidr_view));
    IpBlock out{.cidr = cidr, .except = {}};
    WEFT_TRY(excepts, list_of(view, "except"));
    for (const auto& item : excepts) {
        WEFT_TRY(except, parse_cidr(item));
        if (!cidr.contains(except) || except.length == cidr.length)
            return item.error(fmt::format("{} must be a strict subset of {}", except.text(), cidr.text()));
        out.except.push_back(except);
    }
    sort_unique(out.except);
    return out;
}

Result<Peer> parse_peer(const JsonView& view, const std::string& own_namespace) {
    WEFT_CHECK(view.only({"podSelector", "namespaceSelector", "ipBlock"}));
    WEFT_TRY(pods, view.find("podSelector"));
    WEFT_TRY(namespaces, view.find("namespaceSelector"));
    WEFT_TRY(block, view.find("ipBlock"));
    if (block) {
        if (pods || namespaces) return view.error("ipBlock may not stand beside podSelector or namespaceSelector");
        WEFT_TRY(parsed, parse_ip_block(*block));
        return Peer(std::move(parsed));
    }
    if (!pods && !namespaces) return view.error("must specify a peer: podSelector, namespaceSelector or ipBlock");
    PodSet out;
    if (pods) {
        WEFT_TRY(selector, LabelSelector::parse(*pods));
        out.pods = std::move(selector);
    }
    if (namespaces) {
        WEFT_TRY(selector, LabelSelector::parse(*namespaces));
        out.namespaces = std::move(selector);
    } else {
        out.namespace_ = own_namespace;
    }
    return Peer(std::move(out));
}

Result<void> read_end_port(const JsonView& end, const std::optional<JsonView>& port, PortMatch& out) {
    WEFT_TRY(last, end.integer(1, 65535));
    if (!port) return end.error("may not be given without 'port'");
    if (!out.name.empty()) return end.error("may not be given when 'port' is a name");
    if (last < out.first) return end.error("must not be below 'port'");
    out.last = static_cast<std::uint16_t>(last);
    return {};
}

Result<PortMatch> parse_port(const JsonView& view) {
    WEFT_CHECK(view.only({"protocol", "port", "endPort"}));
    PortMatch out;
    WEFT_TRY(protocol, view.find("protocol"));
    if (protocol) {
        WEFT_TRY(number, parse_protocol(*protocol));
        out.protocol = number;
    }
    WEFT_TRY(port, view.find("port"));
    if (port && port->raw().is_string()) {
        WEFT_TRY(name, parse_port_name(*port));
        out.name = std::move(name);
    } else if (port) {
        WEFT_TRY(number, parse_port_number(*port));
        out.first = out.last = number;
    }
    WEFT_TRY(end, view.find("endPort"));
    if (end) WEFT_CHECK(read_end_port(*end, port, out));
    return out;
}

Result<Rule> parse_rule(const JsonView& view, Direction direction, int index, const std::string& own_namespace) {
    const std::string_view peers_field = direction == Direction::kIngress ? "from" : "to";
    WEFT_CHECK(view.only({"ports", peers_field}));
    Rule rule;
    rule.direction = direction;
    rule.list = fmt::format("spec.{}", to_string(direction));
    rule.index = index;
    WEFT_TRY(peers, list_of(view, peers_field));
    rule.any_peer = peers.empty();
    for (const auto& item : peers) {
        WEFT_TRY(peer, parse_peer(item, own_namespace));
        rule.peers.push_back(std::move(peer));
    }
    WEFT_TRY(ports, list_of(view, "ports"));
    rule.any_port = ports.empty();
    for (const auto& item : ports) {
        WEFT_TRY(port, parse_port(item));
        rule.ports.push_back(std::move(port));
    }
    return rule;
}

Result<std::vector<Rule>> parse_rules(const JsonView& spec, Direction direction, const std::string& own_namespace) {
    WEFT_TRY(items, list_of(spec, to_string(direction)));
    std::vector<Rule> out;
    for (const auto& item : items) {
        WEFT_TRY(rule, parse_rule(item, direction, static_cast<int>(out.size()), own_namespace));
        out.push_back(std::move(rule));
    }
    return out;
}

constexpr std::string_view kPolicyTypes[] = {"Ingress", "Egress"};

// Defaults: Ingress always, Egress when the object has egress rules.
Result<std::array<bool, 2>> parse_types(const JsonView& spec, bool has_egress) {
    WEFT_TRY(items, list_of(spec, "policyTypes"));
    if (items.empty()) return std::array<bool, 2>{has_egress, true};
    if (items.size() > 2) return items[2].error("policyTypes has at most two entries");
    std::array<bool, 2> out{};
    for (const auto& item : items) {
        WEFT_TRY(text, item.string());
        if (text != "Ingress" && text != "Egress")
            return item.error(fmt::format("'{}' is not a policy type: use Ingress or Egress{}", text.substr(0, 64),
                                          did_you_mean(text, kPolicyTypes)));
        out[static_cast<std::size_t>(text == "Ingress" ? Direction::kIngress : Direction::kEgress)] = true;
    }
    return out;
}

}  // namespace

Result<Policy> parse_network_policy(const JsonView& view) {
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "spec", "status"}));
    Policy policy;
    WEFT_TRY(metadata, parse_policy_metadata(view, Scope::kNamespaced, "NetworkPolicy", policy));
    policy.object = complete(view.raw(), "networking.k8s.io/v1", "NetworkPolicy");
    Spec& out = policy.specs.emplace_back();
    out.subject.namespace_ = metadata.namespace_;
    WEFT_TRY(spec, view.member("spec"));
    WEFT_CHECK(spec.only({"podSelector", "ingress", "egress", "policyTypes"}));
    WEFT_TRY(selector_view, spec.find("podSelector"));  // null or absent: every pod of the namespace
    if (selector_view) {
        WEFT_TRY(selector, LabelSelector::parse(*selector_view));
        out.subject.pods = std::move(selector);
    }
    WEFT_TRY(ingress, parse_rules(spec, Direction::kIngress, metadata.namespace_));
    WEFT_TRY(egress, parse_rules(spec, Direction::kEgress, metadata.namespace_));
    WEFT_TRY(types, parse_types(spec, !egress.empty()));
    out.isolates = types;
    for (auto* rules : {&egress, &ingress})
        for (auto& rule : *rules)
            if (out.isolates[static_cast<std::size_t>(rule.direction)]) out.rules.push_back(std::move(rule));
    return policy;
}

}  // namespace weft::policy
