// CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, CiliumCIDRGroup of cilium.io/v2 (pkg/policy/api and
// pkg/k8s/apis/cilium.io of Cilium for the checks and the defaults). Fields that weft cannot enforce are refused.
#include <algorithm>
#include <array>

#include "policy/cilium_selector.hpp"
#include "policy/parse_cilium_rule.hpp"

namespace weft::policy {

namespace {

struct List {
    std::string_view name;
    Direction direction;
    Action action;
};
constexpr List kLists[] = {{"egress", Direction::kEgress, Action::kAllow},
                           {"egressDeny", Direction::kEgress, Action::kDeny},
                           {"ingress", Direction::kIngress, Action::kAllow},
                           {"ingressDeny", Direction::kIngress, Action::kDeny}};

// Names are known by the answers that a pod gets: nobody reads the node's.
Result<void> check_node_rule(const JsonView& view, const Rule& rule) {
    const auto is_name = [](const Peer& peer) { return std::holds_alternative<DnsPeer>(peer); };
    if (std::ranges::none_of(rule.peers, is_name)) return {};
    WEFT_TRY(names, view.member("toFQDNs"));
    return not_supported(names, "a node's own DNS answers are not read: use toCIDR or toEntities");
}

Result<void> read_list(const JsonView& view, const List& list, const std::string& place, const std::string& own,
                       Spec& out) {
    WEFT_TRY(items, list_of(view, list.name));
    for (std::size_t i = 0; i < items.size(); ++i) {
        Rule rule;
        rule.direction = list.direction;
        rule.action = list.action;
        rule.priority = list.action == Action::kDeny ? kDenyPriority : kAllowPriority;
        rule.list = fmt::format("{}.{}", place, list.name);
        rule.index = static_cast<int>(i);
        WEFT_TRY(parsed, parse_cilium_rule(items[i], std::move(rule), own));
        if (out.nodes) WEFT_CHECK(check_node_rule(items[i], parsed));
        out.rules.push_back(std::move(parsed));
    }
    if (!items.empty()) out.isolates[static_cast<std::size_t>(list.direction)] = true;
    return {};
}

Result<void> read_default_deny(const JsonView& view, Spec& out) {
    WEFT_TRY(member, view.find("enableDefaultDeny"));
    if (!member) return {};
    WEFT_CHECK(member->only({"ingress", "egress"}));
    for (const auto direction : {Direction::kEgress, Direction::kIngress}) {
        bool& isolates = out.isolates[static_cast<std::size_t>(direction)];
        WEFT_TRY(asked, member->boolean_or(to_string(direction), isolates));
        isolates = asked;
    }
    return {};
}

constexpr std::size_t kMaxLogBytes = 128;  // Cilium: 32 characters

// Text that the policy's flows carry.
Result<std::string> parse_log(const JsonView& spec) {
    WEFT_TRY(view, spec.find("log"));
    if (!view) return std::string();
    WEFT_CHECK(view->only({"value"}));
    WEFT_TRY(value_view, view->find("value"));
    if (!value_view) return std::string();
    WEFT_TRY(text, value_view->string());
    if (text.size() > kMaxLogBytes)
        return value_view->error(fmt::format("is {} bytes long; at most {} are accepted", text.size(), kMaxLogBytes));
    if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        return value_view->error("has control characters");
    return text;
}

// Pods by endpointSelector, or the nodes themselves by nodeSelector.
Result<void> parse_subject(const JsonView& view, const std::string& own, Spec& out) {
    WEFT_TRY(nodes, view.find("nodeSelector"));
    if (!nodes) {
        WEFT_TRY(selector, view.member("endpointSelector"));
        WEFT_TRY(subject, parse_subject_selector(selector, own));
        out.subject = std::move(subject);
        return {};
    }
    WEFT_TRY(pods, view.find("endpointSelector"));
    if (pods) return nodes->error("stands beside endpointSelector: a spec is for pods or for nodes");
    if (!own.empty())
        return not_supported(*nodes, "only a CiliumClusterwideNetworkPolicy is for nodes, they are of no namespace");
    WEFT_TRY(selector, parse_node_selector(*nodes));
    out.nodes = NodeSet{std::move(selector)};
    out.subject = PodSet::nobody();
    return {};
}

// `place`: "spec" or "specs[0]".
Result<Spec> parse_spec(const JsonView& view, const std::string& place, const std::string& own) {
    WEFT_CHECK(view.only({"endpointSelector", "nodeSelector", "ingress", "ingressDeny", "egress", "egressDeny",
                          "enableDefaultDeny", "labels", "description", "log"}));
    Spec out;
    WEFT_CHECK(parse_subject(view, own, out));
    for (const auto& list : kLists) WEFT_CHECK(read_list(view, list, place, own, out));
    WEFT_CHECK(read_default_deny(view, out));
    WEFT_TRY(log, parse_log(view));
    out.log = std::move(log);
    WEFT_TRY(description, view.string_or("description", ""));
    return out;
}

Result<Policy> parse_cilium(const JsonView& view, std::string_view kind, Scope scope) {
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "spec", "specs", "status"}));
    Policy policy;
    WEFT_TRY(metadata, parse_policy_metadata(view, scope, kind, policy));
    policy.object = complete(view.raw(), "cilium.io/v2", kind);
    WEFT_TRY(spec, view.find("spec"));
    if (spec) {
        WEFT_TRY(parsed, parse_spec(*spec, "spec", metadata.namespace_));
        policy.specs.push_back(std::move(parsed));
    }
    WEFT_TRY(specs, list_of(view, "specs"));
    for (std::size_t i = 0; i < specs.size(); ++i) {
        WEFT_TRY(parsed, parse_spec(specs[i], fmt::format("specs[{}]", i), metadata.namespace_));
        policy.specs.push_back(std::move(parsed));
    }
    if (policy.specs.empty()) return view.error("needs 'spec' or 'specs'");
    return policy;
}

}  // namespace

Result<Policy> parse_cilium_network_policy(const JsonView& view) {
    return parse_cilium(view, "CiliumNetworkPolicy", Scope::kNamespaced);
}

Result<Policy> parse_cilium_clusterwide_network_policy(const JsonView& view) {
    return parse_cilium(view, "CiliumClusterwideNetworkPolicy", Scope::kCluster);
}

Result<CidrGroup> parse_cidr_group(const JsonView& view) {
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "spec", "status"}));
    WEFT_TRY(metadata, parse_metadata(view, Scope::kCluster));
    CidrGroup out{std::move(metadata.name), std::move(metadata.labels), {}};
    WEFT_TRY(spec, view.member("spec"));
    WEFT_CHECK(spec.only({"externalCIDRs"}));
    WEFT_TRY(items, list_of(spec, "externalCIDRs"));
    for (const auto& item : items) {
        WEFT_TRY(cidr, parse_cilium_cidr(item));
        out.cidrs.push_back(cidr);
    }
    sort_unique(out.cidrs);
    return out;
}

}  // namespace weft::policy
