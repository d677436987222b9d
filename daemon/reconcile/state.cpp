#include "daemon/reconcile/state.hpp"

namespace weft::reconcile {

namespace {

std::string endpoint_key(std::uint32_t id) {
    return fmt::format("#{}", id);
}  // no Pod object can be named so

}  // namespace

// Sets map[key] to value (an empty pointer or string erases it) and arms the way back.
template <typename Map, typename Key, typename Value>
void State::assign(Map& map, const Key& key, Value value, Rollback& undo) {
    Value before{};
    if (const auto at = map.find(key); at != map.end()) before = at->second;
    ++version_;
    const auto set = [this, &map, key](const Value& wanted) {
        note(map, key);
        if (wanted == Value{})
            map.erase(key);
        else
            map[key] = wanted;
        ++version_;
    };
    set(value);
    undo.arm([set, before] { set(before); });
}

EndpointPtr State::find(const endpoint::Attachment& attachment) const {
    const auto at = by_attachment_.find(attachment);
    return at == by_attachment_.end() ? nullptr : endpoints_.at(at->second);
}

const policy::Pod* State::pod_object(const std::string& key) const {
    const auto at = pod_objects_.find(key);
    return at == pod_objects_.end() ? nullptr : at->second.get();
}

const policy::Labels& State::labels(const endpoint::Endpoint& endpoint) const {
    static const policy::Labels kNone;
    if (endpoint.labels) return *endpoint.labels;
    const auto* object = pod_object(endpoint.pod_key());
    return object == nullptr ? kNone : object->labels;
}

std::shared_ptr<const policy::Pod> State::as_pod(const endpoint::Endpoint& endpoint) const {
    policy::Pod pod;
    if (const auto* object = pod_object(endpoint.pod_key()); object != nullptr) pod = *object;
    pod.namespace_ = endpoint.pod_namespace;
    pod.name = endpoint.pod_name.empty() ? endpoint.attachment.container_id : endpoint.pod_name;
    pod.labels = labels(endpoint);
    pod.addresses = endpoint.ips;
    pod.host_network = false;
    pod.endpoint = endpoint.id;
    return std::make_shared<const policy::Pod>(std::move(pod));
}

void State::refresh_endpoint(const endpoint::Endpoint& endpoint, Rollback& undo) {
    assign(world_.pods, endpoint_key(endpoint.id), as_pod(endpoint), undo);
}

// A Pod object is in the world itself as long as no endpoint here stands for it.
void State::refresh_pod(const std::string& key, Rollback& undo) {
    if (key.empty()) return;
    const auto local = endpoints_of_pod_.find(key);
    const bool is_local = local != endpoints_of_pod_.end() && !local->second.empty();
    const auto object = pod_objects_.find(key);
    const bool shown = !is_local && object != pod_objects_.end();
    assign(world_.pods, key, shown ? object->second : nullptr, undo);
    if (!is_local) return;
    for (const auto id : local->second) refresh_endpoint(*endpoints_.at(id), undo);
}

void State::put(const endpoint::Endpoint& endpoint, Rollback& undo) {
    const auto id = endpoint.id;
    assign(endpoints_, id, std::make_shared<const endpoint::Endpoint>(endpoint), undo);
    assign(by_attachment_, endpoint.attachment, id, undo);
    refresh_endpoint(endpoint, undo);
    const auto key = endpoint.pod_key();
    if (key.empty()) return;
    auto ids = endpoints_of_pod_[key];
    if (!ids.insert(id).second) return;
    assign(endpoints_of_pod_, key, ids, undo);
    if (pod_objects_.contains(key)) refresh_pod(key, undo);
}

void State::erase_endpoint(std::uint32_t id, Rollback& undo) {
    const auto at = endpoints_.find(id);
    if (at == endpoints_.end()) return;
    const EndpointPtr endpoint = at->second;
    assign(world_.pods, endpoint_key(id), std::shared_ptr<const policy::Pod>(), undo);
    assign(by_attachment_, endpoint->attachment, std::uint32_t{0}, undo);
    assign(endpoints_, id, EndpointPtr(), undo);
    const auto key = endpoint->pod_key();
    if (key.empty()) return;
    auto ids = endpoints_of_pod_[key];
    ids.erase(id);
    assign(endpoints_of_pod_, key, ids, undo);
    if (pod_objects_.contains(key)) refresh_pod(key, undo);
}

template <typename Map, typename Key, typename Value>
void State::share(Map& map, const Key& key, const Value& value, Rollback& undo) {
    assign(map, key, std::make_shared<const Value>(value), undo);
}

void State::put(const policy::Object& object, const std::string& source, Rollback& undo) {
    assign(sources_, name_of(object), source, undo);
    if (const auto* pod = std::get_if<policy::Pod>(&object)) {
        const auto key = pod->namespace_ + "/" + pod->name;
        share(pod_objects_, key, *pod, undo);
        refresh_pod(key, undo);
    } else if (const auto* space = std::get_if<policy::Namespace>(&object)) {
        share(world_.namespaces, space->name, *space, undo);
    } else if (const auto* node = std::get_if<policy::Node>(&object)) {
        share(world_.nodes, node->name, *node, undo);
    } else if (const auto* group = std::get_if<policy::CidrGroup>(&object)) {
        share(world_.cidr_groups, group->name, *group, undo);
    } else {
        const auto& rules = std::get<policy::Policy>(object);
        share(world_.policies, rules.name, rules, undo);
    }
}

void State::erase(const ObjectName& name, Rollback& undo) {
    assign(sources_, name, std::string(), undo);
    if (name.kind == "Pod") {
        const auto key = name.namespace_ + "/" + name.name;
        assign(pod_objects_, key, std::shared_ptr<const policy::Pod>(), undo);
        refresh_pod(key, undo);
    } else if (name.kind == "Namespace") {
        assign(world_.namespaces, name.name, std::shared_ptr<const policy::Namespace>(), undo);
    } else if (name.kind == "Node") {
        assign(world_.nodes, name.name, std::shared_ptr<const policy::Node>(), undo);
    } else if (name.kind == "CiliumCIDRGroup") {
        assign(world_.cidr_groups, name.name, std::shared_ptr<const policy::CidrGroup>(), undo);
    } else {
        assign(world_.policies, name, std::shared_ptr<const policy::Policy>(), undo);
    }
}

void State::note(const std::map<std::string, std::shared_ptr<const policy::Pod>>& map, const std::string& key) {
    if (&map == &world_.pods) changes_.pods.insert(key);
}

void State::set_facts(const policy::NodeFacts& facts, Rollback& undo) {
    ++version_;
    changes_.everything = true;
    undo.arm([this, before = world_.node] {
        world_.node = before;
        changes_.everything = true;
    });
    world_.node = facts;
}

void State::set_settings(const maps::NodeSettings& settings, Rollback& undo) {
    ++version_;
    undo.arm([this, before = settings_] { settings_ = before; });
    settings_ = settings;
}

namespace {

template <typename Map, typename Value>
bool has_equal(const Map& map, const Value& value) {
    const auto at = map.find(value.name);
    return at != map.end() && *at->second == value;
}

}  // namespace

bool State::holds(const policy::Object& object) const {
    if (!sources_.contains(name_of(object))) return false;
    if (const auto* pod = std::get_if<policy::Pod>(&object)) {
        const auto* known = pod_object(pod->namespace_ + "/" + pod->name);
        return known != nullptr && *known == *pod;
    }
    if (const auto* space = std::get_if<policy::Namespace>(&object)) return has_equal(world_.namespaces, *space);
    if (const auto* node = std::get_if<policy::Node>(&object)) return has_equal(world_.nodes, *node);
    if (const auto* group = std::get_if<policy::CidrGroup>(&object)) return has_equal(world_.cidr_groups, *group);
    const auto at = world_.policies.find(std::get<policy::Policy>(object).name);
    return at != world_.policies.end() && at->second->object == std::get<policy::Policy>(object).object;
}

}  // namespace weft::reconcile
