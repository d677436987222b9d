#include "policy/parse.hpp"

#include "policy/names.hpp"

namespace weft::policy {

namespace {

struct Kind {
    std::string_view api_version;
    std::string_view kind;
    Result<Object> (*parse)(const JsonView&);
};

template <auto kParse>
Result<Object> parse_as(const JsonView& view) {
    WEFT_TRY(out, kParse(view));
    return Object(std::move(out));
}

constexpr std::string_view kAlpha1Group = "policy.networking.k8s.io/v1alpha1";

constexpr Kind kKinds[] = {
    {"v1", "Pod", parse_as<parse_pod>},
    {"v1", "Namespace", parse_as<parse_namespace>},
    {"v1", "Node", parse_as<parse_node>},
    {"networking.k8s.io/v1", "NetworkPolicy", parse_as<parse_network_policy>},
    {"policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", parse_as<parse_cluster_network_policy>},
    {kAlpha1Group, "AdminNetworkPolicy", parse_as<parse_admin_network_policy>},
    {kAlpha1Group, "BaselineAdminNetworkPolicy", parse_as<parse_baseline_admin_network_policy>},
    {"cilium.io/v2", "CiliumNetworkPolicy", parse_as<parse_cilium_network_policy>},
    {"cilium.io/v2", "CiliumClusterwideNetworkPolicy", parse_as<parse_cilium_clusterwide_network_policy>},
    {"cilium.io/v2", "CiliumCIDRGroup", parse_as<parse_cidr_group>},
    {"cilium.io/v2alpha1", "CiliumCIDRGroup", parse_as<parse_cidr_group>}};

// "List" holds any kind, "PodList" only that one, whose items may then lack apiVersion and kind.
struct ListKind {
    bool is_list = false;
    const Kind* items = nullptr;
};

Result<ListKind> list_kind(const JsonView& view) {
    WEFT_TRY(kind, view.member("kind"));
    WEFT_TRY(name, kind.string());
    WEFT_TRY(version_view, view.member("apiVersion"));
    WEFT_TRY(version, version_view.string());
    if (name == "List" && version == "v1") return ListKind{true, nullptr};
    for (const auto& known : kKinds)
        if (name == std::string(known.kind) + "List" && version == known.api_version) return ListKind{true, &known};
    return ListKind{};
}

Result<Object> parse_item(const JsonView& view, const Kind* kind) {
    if (kind == nullptr) return parse_object(view);
    WEFT_TRY(name, view.string_or("kind", std::string(kind->kind)));
    WEFT_TRY(version, view.string_or("apiVersion", std::string(kind->api_version)));
    if (name != kind->kind || version != kind->api_version)
        return view.error(fmt::format("expected a {} of {}", kind->kind, kind->api_version));
    return kind->parse(view);
}

}  // namespace

PolicyName name_of(const Object& object) {
    if (const auto* pod = std::get_if<Pod>(&object)) return {"Pod", pod->namespace_, pod->name};
    if (const auto* space = std::get_if<Namespace>(&object)) return {"Namespace", "", space->name};
    if (const auto* node = std::get_if<Node>(&object)) return {"Node", "", node->name};
    if (const auto* group = std::get_if<CidrGroup>(&object)) return {"CiliumCIDRGroup", "", group->name};
    return std::get<Policy>(object).name;
}

Result<Object> parse_object(const JsonView& view) {
    WEFT_TRY(kind_view, view.member("kind"));
    WEFT_TRY(kind, kind_view.string());
    WEFT_TRY(version_view, view.member("apiVersion"));
    WEFT_TRY(version, version_view.string());
    const Kind* other = nullptr;  // of the kind, in another version
    for (const auto& known : kKinds) {
        if (known.kind != kind) continue;
        if (known.api_version == version) return known.parse(view);
        if (other == nullptr) other = &known;
    }
    if (other != nullptr)
        return version_view.error(
            fmt::format("'{}' is not served for {}: use {}", version.substr(0, 64), kind, other->api_version));
    std::vector<std::string_view> names;
    for (const auto& known : kKinds) names.push_back(known.kind);
    return kind_view.error(fmt::format("kind '{}' is not known here{}", kind.substr(0, 64), did_you_mean(kind, names)));
}

Result<std::vector<Object>> parse_objects(const JsonView& view) {
    WEFT_TRY(list, list_kind(view));
    std::vector<Object> out;
    if (!list.is_list) {
        WEFT_TRY(object, parse_object(view));
        out.push_back(std::move(object));
        return out;
    }
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "items"}));
    WEFT_TRY(items_view, view.find("items"));
    if (!items_view) return out;
    WEFT_TRY(items, items_view->array());
    if (items.size() > kMaxListItems)
        return items_view->error(fmt::format("{} items; at most {} are accepted", items.size(), kMaxListItems));
    for (const auto& item : items) {
        WEFT_TRY(object, parse_item(item, list.items));
        out.push_back(std::move(object));
    }
    return out;
}

Result<std::uint8_t> parse_protocol(const JsonView& view) {
    WEFT_TRY(text, view.string());
    if (text == "TCP") return kTcp;
    if (text == "UDP") return kUdp;
    if (text == "SCTP") return kSctp;
    static constexpr std::string_view kNames[] = {"TCP", "UDP", "SCTP"};
    return view.error(
        fmt::format("'{}' is not a protocol: use TCP, UDP or SCTP{}", text.substr(0, 64), did_you_mean(text, kNames)));
}

Result<Metadata> parse_metadata(const JsonView& object, Scope scope) {
    const bool namespaced = scope == Scope::kNamespaced;
    WEFT_TRY(view, object.member("metadata"));
    WEFT_CHECK(view.only({"name", "namespace", "labels", "annotations", "uid", "generateName", "resourceVersion",
                          "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                          "ownerReferences", "finalizers", "managedFields", "selfLink"}));
    Metadata out;
    WEFT_TRY(name_view, view.member("name"));
    WEFT_TRY(name, name_view.string());
    if (auto problem = scope == Scope::kNamespace ? dns_label_problem(name) : dns_subdomain_problem(name);
        !problem.empty())
        return name_view.error(fmt::format("'{}' is not a name: {}", name.substr(0, 64), problem));
    out.name = std::move(name);
    WEFT_TRY(namespace_view, view.find("namespace"));
    if (namespace_view) {
        WEFT_TRY(text, namespace_view->string());
        if (!namespaced && !text.empty()) return namespace_view->error("this kind lives in no namespace");
        if (auto problem = dns_label_problem(text); !text.empty() && !problem.empty())
            return namespace_view->error(fmt::format("'{}' is not a namespace: {}", text.substr(0, 64), problem));
        out.namespace_ = std::move(text);
    }
    if (namespaced && out.namespace_.empty()) out.namespace_ = "default";
    WEFT_TRY(labels, view.find("labels"));
    if (labels) {
        WEFT_TRY(parsed, parse_labels(*labels));
        out.labels = std::move(parsed);
    }
    WEFT_TRY(uid, view.string_or("uid", ""));
    out.uid = std::move(uid);
    return out;
}

}  // namespace weft::policy
