#include "tests/unit/policy/case_world.hpp"

#include <algorithm>

#include "policy/parse.hpp"

namespace weft::policy::test {

namespace {

// Each with a whole object of a kind of policy.
constexpr std::string_view kPuts[] = {
    "createPolicy", "updatePolicy", "createClusterNetworkPolicy", "updateClusterNetworkPolicy",
    "createObject", "updateObject"};
constexpr std::string_view kVerbs[] = {"deletePolicy",    "deleteObject", "createNamespace", "setNamespaceLabels",
                                       "deleteNamespace", "createPod",    "setPodLabels",    "deletePod"};
// Fields by whose addresses a policy tells one family from the other.
constexpr std::string_view kAddressFields[] = {"ipBlock",     "networks",  "fromCIDR",     "toCIDR",
                                               "fromCIDRSet", "toCIDRSet", "fromEntities", "toEntities"};

// The pod's address of the other family: fd00:10:244::<IPv4 address>, or 10.244.<last 16 bits>.
Result<std::string> other_family(const std::string& text) {
    WEFT_TRY(ip, IpAddr::parse(text));
    const auto& bytes = ip.bytes();
    if (!ip.is_v4()) return fmt::format("10.244.{}.{}", bytes[14], bytes[15]);
    return fmt::format("fd00:10:244::{:x}:{:x}", bytes[12] << 8 | bytes[13], bytes[14] << 8 | bytes[15]);
}

Result<Json> pod_object(const Json& pod, const Json& containers) {
    Json list = Json::array();
    for (const auto& container : containers) {
        Json port{{"containerPort", container.at("port")}, {"protocol", container.at("protocol")}};
        if (container.contains("portName")) port["name"] = container.at("portName");
        list.push_back({{"name", "c"}, {"ports", Json::array({port})}});
    }
    WEFT_TRY(other,
             pod.contains("ip6") ? Result<std::string>(pod.at("ip6").get<std::string>()) : other_family(pod.at("ip")));
    return Json{
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata", {{"namespace", pod.at("namespace")}, {"name", pod.at("name")}, {"labels", pod.at("labels")}}},
        {"spec", {{"containers", list}, {"hostNetwork", pod.value("hostNetwork", false)}}},
        {"status", {{"phase", "Running"}, {"podIPs", Json::array({Json{{"ip", pod.at("ip")}}, Json{{"ip", other}}})}}}};
}

bool holds_key(const Json& value, std::string_view key) {
    if (value.is_object() && value.contains(key)) return true;
    return value.is_structured() && std::ranges::any_of(value, [&](const Json& part) { return holds_key(part, key); });
}

}  // namespace

Result<CaseWorld> CaseWorld::of(const Json& world) {
    CaseWorld out;
    if (world.contains("containers")) out.containers_ = world.at("containers");
    for (const auto& object : world.at("namespaces")) WEFT_CHECK(out.add_namespace(object));
    for (const auto& pod : world.at("pods")) WEFT_CHECK(out.add_pod(pod));
    for (const auto& node : world.value("nodes", Json::array())) WEFT_CHECK(out.add_node(node));
    return out;
}

bool CaseWorld::knows(const std::string& verb) {
    return std::ranges::find(kVerbs, verb) != std::end(kVerbs) || std::ranges::find(kPuts, verb) != std::end(kPuts);
}

bool CaseWorld::has_ip_blocks() const {
    return std::ranges::any_of(objects_, [](const auto& entry) {
        return std::ranges::any_of(kAddressFields,
                                   [&](std::string_view field) { return holds_key(entry.second, field); });
    });
}

Result<void> CaseWorld::add_pod(const Json& pod) {
    const Json& containers = pod.contains("containers") ? pod.at("containers") : containers_;
    WEFT_TRY(object, pod_object(pod, containers));
    const std::string key = pod.at("namespace").get<std::string>() + "/" + pod.at("name").get<std::string>();
    auto& served = served_[key];
    served.clear();
    for (const auto& container : containers)
        served.push_back({container.value("portName", ""), container.at("protocol"), container.at("port")});
    return put_pod(std::move(object));
}

// A pod that is there keeps its endpoint's number.
Result<void> CaseWorld::put_pod(Json object) {
    WEFT_TRY(parsed, parse_pod(JsonView(object)));
    const auto before = world_.pods.find(parsed.namespace_ + "/" + parsed.name);
    if (before != world_.pods.end())
        parsed.endpoint = before->second->endpoint;
    else if (!parsed.host_network)
        parsed.endpoint = next_endpoint_++;
    objects_[{"Pod", parsed.namespace_, parsed.name}] = std::move(object);
    world_.put(std::move(parsed));
    return {};
}

Result<void> CaseWorld::add_node(const Json& node) {
    WEFT_TRY(parsed, parse_node(JsonView(node)));
    objects_[{"Node", "", parsed.name}] = node;
    world_.put(std::move(parsed));
    return {};
}

Result<void> CaseWorld::add_namespace(const Json& object) {
    Json full{{"apiVersion", "v1"},
              {"kind", "Namespace"},
              {"metadata", {{"name", object.at("name")}, {"labels", object.at("labels")}}}};
    WEFT_TRY(parsed, parse_namespace(JsonView(full)));
    objects_[{"Namespace", "", parsed.name}] = std::move(full);
    world_.put(std::move(parsed));
    return {};
}

Result<void> CaseWorld::set_labels(const Json& pod) {
    const PolicyName name{"Pod", pod.at("namespace"), pod.at("name")};
    const auto at = objects_.find(name);
    if (at == objects_.end()) return fail(ErrorCode::kNotFound, "pod {}/{}", name.namespace_, name.name);
    Json changed = at->second;
    changed["metadata"]["labels"] = pod.at("labels");
    return put_pod(std::move(changed));
}

Result<void> CaseWorld::put_policy(const Json& object) {
    WEFT_TRY(parsed, parse_object(JsonView(object)));
    auto* policy = std::get_if<Policy>(&parsed);
    if (policy == nullptr) return fail(ErrorCode::kInvalid, "{} is no policy", to_line(object));
    objects_[policy->name] = object;
    world_.put(std::move(*policy));
    return {};
}

void CaseWorld::remove_pod(const std::string& namespace_, const std::string& name) {
    world_.pods.erase(namespace_ + "/" + name);
    objects_.erase({"Pod", namespace_, name});
}

void CaseWorld::remove_policy(const PolicyName& name) {
    world_.policies.erase(name);
    objects_.erase(name);
}

void CaseWorld::remove_namespace(const std::string& name) {
    world_.namespaces.erase(name);
    std::erase_if(world_.pods, [&](const auto& entry) { return entry.second->namespace_ == name; });
    std::erase_if(world_.policies, [&](const auto& entry) { return entry.first.namespace_ == name; });
    std::erase_if(objects_, [&](const auto& entry) {
        return entry.first.namespace_ == name || (entry.first.kind == "Namespace" && entry.first.name == name);
    });
}

Result<void> CaseWorld::act(const Json& action) {
    const auto verb = action.begin().key();
    const Json& value = action.begin().value();
    if (std::ranges::find(kPuts, verb) != std::end(kPuts)) return put_policy(value);
    if (verb == "createNamespace" || verb == "setNamespaceLabels") return add_namespace(value);
    if (verb == "createPod") return add_pod(value);
    if (verb == "setPodLabels") return set_labels(value);
    if (verb == "deletePolicy")
        remove_policy({"NetworkPolicy", value.at("namespace"), value.at("name")});
    else if (verb == "deleteObject")
        remove_policy({value.at("kind"), value.value("namespace", ""), value.at("name")});
    else if (verb == "deleteNamespace")
        remove_namespace(value.at("name"));
    else if (verb == "deletePod")
        remove_pod(value.at("namespace"), value.at("name"));
    else
        return fail(ErrorCode::kInvalid, "action {} is not known", verb);
    return {};
}

}  // namespace weft::policy::test
