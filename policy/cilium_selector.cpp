#include "policy/cilium_selector.hpp"

#include <algorithm>

#include "policy/names.hpp"
#include "policy/objects.hpp"
#include "policy/parse_rules.hpp"

namespace weft::policy {

namespace {

// Keys of requirements while they are taken apart; no label's key begins so.
constexpr std::string_view kOfNamespace = "@namespace/";
constexpr std::string_view kReserved = "@reserved/";

constexpr std::string_view kPodNamespace = "io.kubernetes.pod.namespace";
constexpr std::string_view kNamespaceLabels = "io.cilium.k8s.namespace.labels.";
constexpr std::string_view kDerived = "io.cilium.k8s.policy.";

Result<std::string> valid_key(std::string_view key, const JsonView& at) {
    if (auto problem = label_key_problem(key); !problem.empty())
        return at.error(fmt::format("'{}' is not a label key: {}", key.substr(0, 320), problem));
    return std::string(key);
}

Result<std::string> read_key(const std::string& written, const JsonView& at) {
    std::string_view key = written;
    if (key.starts_with("reserved:")) return fmt::format("{}{}", kReserved, key.substr(key.find(':') + 1));
    if (const auto colon = key.find(':'); colon != key.npos) {
        const auto source = key.substr(0, colon);
        if (source != "k8s" && source != "any")
            return at.error(fmt::format("labels of source '{}' are not known here: use k8s:, any: or reserved:",
                                        source.substr(0, 64)));
        key.remove_prefix(colon + 1);
    }
    if (key == kPodNamespace) return fmt::format("{}{}", kOfNamespace, kNamespaceNameLabel);
    if (key.starts_with(kNamespaceLabels)) {
        WEFT_TRY(label, valid_key(key.substr(kNamespaceLabels.size()), at));
        return fmt::format("{}{}", kOfNamespace, label);
    }
    if (key.starts_with(kDerived))
        return not_supported(at, fmt::format("'{}': clusters and service accounts are not known here", key));
    return valid_key(key, at);
}

struct Parts {
    std::vector<Requirement> pods, namespaces;
    std::vector<Requirement> reserved;
};

Result<Parts> parse_parts(const JsonView& view) {
    WEFT_TRY(requirements, parse_requirements(view, read_key));
    Parts out;
    for (auto& requirement : requirements) {
        auto* list = &out.pods;
        for (const auto& [prefix, part] :
             {std::pair(kOfNamespace, &out.namespaces), std::pair(kReserved, &out.reserved)}) {
            if (!requirement.key.starts_with(prefix)) continue;
            requirement.key.erase(0, prefix.size());
            list = part;
        }
        list->push_back(std::move(requirement));
    }
    return out;
}

// Pods of the namespace `own` when `bound` or when the selector says nothing of namespaces.
PodSet pod_set(Parts parts, const std::string& own, bool bound) {
    PodSet out;
    out.pods = LabelSelector(std::move(parts.pods));
    if (!own.empty() && parts.namespaces.empty()) {
        out.namespace_ = own;
        return out;
    }
    if (bound) parts.namespaces.push_back({std::string(kNamespaceNameLabel), Operator::kIn, {own}});
    out.namespaces = LabelSelector(std::move(parts.namespaces));
    return out;
}

// Of what exists in Cilium's networks and nowhere in ours: matches nobody.
constexpr std::string_view kNobody[] = {"init", "health", "unmanaged", "ingress", "none"};

constexpr std::string_view kEntities[] = {
    "all",  "world",  "world-ipv4", "world-ipv6", "cluster", "host", "remote-node", "kube-apiserver",
    "init", "health", "unmanaged",  "ingress",    "none"};

std::optional<std::vector<Peer>> peers_of(std::string_view entity) {
    if (entity == "world") return std::vector<Peer>{Entity::kWorld4, Entity::kWorld6};
    if (entity == "world-ipv4") return std::vector<Peer>{Entity::kWorld4};
    if (entity == "world-ipv6") return std::vector<Peer>{Entity::kWorld6};
    if (entity == "host") return std::vector<Peer>{Entity::kHost};
    if (entity == "remote-node") return std::vector<Peer>{Entity::kRemoteNode};
    if (entity == "kube-apiserver") return std::vector<Peer>{Entity::kKubeApiserver};
    if (std::ranges::find(kNobody, entity) != std::end(kNobody)) return std::vector<Peer>{};
    return std::nullopt;
}

}  // namespace

Result<EndpointSelection> parse_endpoint_selector(const JsonView& view, const std::string& own) {
    WEFT_TRY(parts, parse_parts(view));
    EndpointSelection out;
    if (parts.reserved.empty()) {
        out.pods = pod_set(std::move(parts), own, false);
        return out;
    }
    const auto& label = parts.reserved.front();
    const bool holds = label.op == Operator::kExists || (label.op == Operator::kIn && label.values.front().empty());
    if (parts.reserved.size() > 1 || !parts.pods.empty() || !parts.namespaces.empty() || !holds)
        return not_supported(view, "a reserved label must stand alone, with an empty value or Exists");
    const auto peers = peers_of(label.key);
    if (!peers) return view.error(fmt::format("'reserved:{}' is not known", label.key.substr(0, 64)));
    out.entity = *peers;
    out.is_entity = true;
    return out;
}

Result<PodSet> parse_subject_selector(const JsonView& view, const std::string& own) {
    WEFT_TRY(parts, parse_parts(view));
    if (!parts.reserved.empty())
        return not_supported(view, "policies are for pods; reserved labels select none of them");
    if (!own.empty())
        for (const auto& requirement : parts.namespaces)
            if (requirement.key == kNamespaceNameLabel && !requirement.matches({{requirement.key, own}}))
                return view.error(fmt::format("selects pods of another namespace than the policy's own, {}", own));
    return pod_set(std::move(parts), own, !own.empty());
}

Result<LabelSelector> parse_node_selector(const JsonView& view) {
    WEFT_TRY(parts, parse_parts(view));
    if (!parts.reserved.empty() || !parts.namespaces.empty()) return view.error("must be about the labels of nodes");
    return LabelSelector(std::move(parts.pods));
}

Result<std::optional<std::vector<Peer>>> parse_entity(const JsonView& view) {
    WEFT_TRY(name, view.string());
    if (name == "all") return std::optional<std::vector<Peer>>();
    if (name == "cluster")
        return std::optional(std::vector<Peer>{PodSet{}, Entity::kHost, Entity::kRemoteNode, Entity::kKubeApiserver});
    auto peers = peers_of(name);
    if (!peers)
        return view.error(fmt::format("'{}' is not an entity{}", name.substr(0, 64), did_you_mean(name, kEntities)));
    return peers;
}

}  // namespace weft::policy
