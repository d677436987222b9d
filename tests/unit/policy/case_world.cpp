#include "tests/unit/policy/case_world.hpp"

#include "policy/parse.hpp"

namespace weft::policy::test {

namespace {

std::string key_of(const Json& object) {
    return object.at("namespace").get<std::string>() + "/" + object.at("name").get<std::string>();
}

Json pod_object(const Json& pod, const Json& containers) {
    Json list = Json::array();
    for (const auto& container : containers) {
        Json port{{"containerPort", container.at("port")}, {"protocol", container.at("protocol")}};
        if (container.contains("portName")) port["name"] = container.at("portName");
        list.push_back({{"name", "c"}, {"ports", Json::array({port})}});
    }
    return {{"apiVersion", "v1"},
            {"kind", "Pod"},
            {"metadata", {{"namespace", pod.at("namespace")}, {"name", pod.at("name")}, {"labels", pod.at("labels")}}},
            {"spec", {{"containers", list}}},
            {"status", {{"phase", "Running"}, {"podIPs", Json::array({{{"ip", pod.at("ip")}}})}}}};
}

}  // namespace

Result<CaseWorld> CaseWorld::of(const Json& world) {
    CaseWorld out;
    if (world.contains("containers")) out.containers_ = world.at("containers");
    for (const auto& object : world.at("namespaces")) WEFT_CHECK(out.add_namespace(object));
    for (const auto& pod : world.at("pods")) WEFT_CHECK(out.add_pod(pod));
    return out;
}

const Pod* CaseWorld::pod(const std::string& key) const {
    const auto at = world_.pods.find(key);
    return at == world_.pods.end() ? nullptr : at->second.get();
}

Result<void> CaseWorld::add_pod(const Json& pod) {
    const Json& containers = pod.contains("containers") ? pod.at("containers") : containers_;
    const Json object = pod_object(pod, containers);
    WEFT_TRY(parsed, parse_pod(JsonView(object)));
    parsed.endpoint = next_endpoint_++;
    auto& served = served_[key_of(pod)];
    for (const auto& container : containers)
        served.push_back({container.value("portName", ""), container.at("protocol"), container.at("port")});
    world_.put(std::move(parsed));
    return {};
}

Result<void> CaseWorld::add_namespace(const Json& object) {
    const Json full{{"apiVersion", "v1"},
                    {"kind", "Namespace"},
                    {"metadata", {{"name", object.at("name")}, {"labels", object.at("labels")}}}};
    WEFT_TRY(parsed, parse_namespace(JsonView(full)));
    world_.put(std::move(parsed));
    return {};
}

Result<void> CaseWorld::set_labels(const Json& pod) {
    const auto at = world_.pods.find(key_of(pod));
    if (at == world_.pods.end()) return fail(ErrorCode::kNotFound, "pod {}", key_of(pod));
    Pod changed = *at->second;
    WEFT_TRY(labels, parse_labels(JsonView(pod.at("labels"))));
    changed.labels = std::move(labels);
    world_.put(std::move(changed));
    return {};
}

void CaseWorld::remove_namespace(const std::string& name) {
    world_.namespaces.erase(name);
    std::erase_if(world_.pods, [&](const auto& entry) { return entry.second->namespace_ == name; });
    std::erase_if(world_.policies, [&](const auto& entry) { return entry.first.namespace_ == name; });
}

Result<void> CaseWorld::act(const Json& action) {
    const auto verb = action.begin().key();
    const Json& value = action.begin().value();
    if (verb == "createPolicy" || verb == "updatePolicy") {
        WEFT_TRY(policy, parse_network_policy(JsonView(value)));
        world_.put(std::move(policy));
    } else if (verb == "deletePolicy") {
        world_.policies.erase({"NetworkPolicy", value.at("namespace"), value.at("name")});
    } else if (verb == "createNamespace" || verb == "setNamespaceLabels") {
        return add_namespace(value);
    } else if (verb == "deleteNamespace") {
        remove_namespace(value.at("name"));
    } else if (verb == "createPod") {
        return add_pod(value);
    } else if (verb == "setPodLabels") {
        return set_labels(value);
    } else if (verb == "deletePod") {
        world_.pods.erase(key_of(value));
    } else {
        return fail(ErrorCode::kInvalid, "action {} is not known", verb);
    }
    return {};
}

}  // namespace weft::policy::test
