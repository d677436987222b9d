// The world of a policy case (policy-cases/README.md): built from its JSON, changed by its actions. Every pod is local,
// so that both ends are judged, and has an address of each family: the world's first, one that follows from it second.
// Pods on the host network are nodes, which the world then knows by objects.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/compile.hpp"
#include "policy/world.hpp"

namespace weft::policy::test {

class CaseWorld {
  public:
    // `world`: as in world.json.
    static Result<CaseWorld> of(const Json& world);
    Result<void> act(const Json& action);
    static bool knows(const std::string& verb);

    const World& world() const { return world_; }
    // The same as a user would write it: Namespaces, Pods, policies.
    const std::map<PolicyName, Json>& objects() const { return objects_; }
    // Whether a policy in force tells addresses apart by their bytes: then the tables speak of the first address only.
    bool has_ip_blocks() const;
    // Ports that the pod serves, with a name or not.
    struct Served {
        std::string name;
        std::string protocol;
        int port = 0;
    };
    const std::vector<Served>& served(const std::string& key) const { return served_.at(key); }

  private:
    Result<void> add_pod(const Json& pod);
    Result<void> add_node(const Json& node);
    Result<void> put_pod(Json object);
    Result<void> add_namespace(const Json& object);
    Result<void> set_labels(const Json& pod);
    Result<void> put_policy(const Json& object);
    void remove_pod(const std::string& namespace_, const std::string& name);
    void remove_policy(const PolicyName& name);
    void remove_namespace(const std::string& name);

    World world_;
    std::map<PolicyName, Json> objects_;
    Json containers_ = Json::array();
    std::map<std::string, std::vector<Served>> served_;
    std::uint32_t next_endpoint_ = 1;
};

}  // namespace weft::policy::test
