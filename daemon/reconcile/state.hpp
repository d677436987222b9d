// Everything that what is enforced follows from: objects by source, pods of this node, the node's own facts.
//
// Every change arms its undo, so that a change that cannot be enforced is taken back whole. Not thread-safe: it lives
// behind the reconciler's lock.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/rollback.hpp"
#include "daemon/endpoint/endpoint.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "policy/parse.hpp"
#include "policy/world.hpp"

namespace weft::reconcile {

using EndpointPtr = std::shared_ptr<const endpoint::Endpoint>;
using ObjectName = policy::PolicyName;  // kind, namespace, name

class State {
  public:
    const policy::World& world() const { return world_; }
    const std::map<std::uint32_t, EndpointPtr>& endpoints() const { return endpoints_; }
    EndpointPtr find(const endpoint::Attachment& attachment) const;
    const maps::NodeSettings& settings() const { return settings_; }
    // Source of each object in force.
    const std::map<ObjectName, std::string>& sources() const { return sources_; }
    // Counts the changes: equal versions mean equal states.
    std::uint64_t version() const { return version_; }
    // Where the world may differ from what it was when this was called the last time.
    policy::WorldChanges take_changes() { return std::exchange(changes_, {}); }

    void put(const endpoint::Endpoint& endpoint, Rollback& undo);
    void erase_endpoint(std::uint32_t id, Rollback& undo);
    void put(const policy::Object& object, const std::string& source, Rollback& undo);
    void erase(const ObjectName& name, Rollback& undo);
    void set_facts(const policy::NodeFacts& facts, Rollback& undo);
    void set_settings(const maps::NodeSettings& settings, Rollback& undo);

    // The object of that name is there and equal.
    bool holds(const policy::Object& object) const;
    const policy::Pod* pod_object(const std::string& key) const;
    // Labels of an endpoint: its own, else those of its Pod object, else none.
    const policy::Labels& labels(const endpoint::Endpoint& endpoint) const;

  private:
    template <typename Map, typename Key, typename Value>
    void assign(Map& map, const Key& key, Value value, Rollback& undo);
    template <typename Map, typename Key, typename Value>
    void share(Map& map, const Key& key, const Value& value, Rollback& undo);
    void note(const std::map<std::string, std::shared_ptr<const policy::Pod>>& map, const std::string& key);
    void note(const std::map<std::string, std::shared_ptr<const policy::Namespace>>&, const std::string& key) {
        changes_.namespaces.insert(key);
    }
    void note(const std::map<std::string, std::shared_ptr<const policy::Node>>&, const std::string&) {
        changes_.nodes = true;
    }
    void note(const std::map<std::string, std::shared_ptr<const policy::CidrGroup>>&, const std::string&) {
        changes_.groups = true;
    }
    void note(const std::map<policy::PolicyName, std::shared_ptr<const policy::Policy>>&,
              const policy::PolicyName& key) {
        changes_.policies.insert(key);
    }
    template <typename Map, typename Key>
    void note(const Map&, const Key&) {}  // no part of the world
    void refresh_pod(const std::string& key, Rollback& undo);
    void refresh_endpoint(const endpoint::Endpoint& endpoint, Rollback& undo);
    std::shared_ptr<const policy::Pod> as_pod(const endpoint::Endpoint& endpoint) const;

    policy::World world_;
    policy::WorldChanges changes_{.everything = true};
    maps::NodeSettings settings_;
    std::map<std::uint32_t, EndpointPtr> endpoints_;
    std::map<endpoint::Attachment, std::uint32_t> by_attachment_;
    std::map<std::string, std::set<std::uint32_t>> endpoints_of_pod_;        // by pod_key()
    std::map<std::string, std::shared_ptr<const policy::Pod>> pod_objects_;  // by "namespace/name"
    std::map<ObjectName, std::string> sources_;
    std::uint64_t version_ = 1;
};

using policy::name_of;
// As JSON that parse_object reads back to an equal object.
Json object_json(const policy::Object& object);

}  // namespace weft::reconcile
