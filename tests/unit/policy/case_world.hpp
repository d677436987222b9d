// The world of a policy case (policy-cases/README.md): built from its JSON, changed by its actions. Every pod is local,
// so that both ends are judged.
#pragma once

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

    const World& world() const { return world_; }
    const Pod* pod(const std::string& key) const;
    // Ports that the pod serves, with a name or not.
    struct Served {
        std::string name;
        std::string protocol;
        int port = 0;
    };
    const std::vector<Served>& served(const std::string& key) const { return served_.at(key); }

  private:
    Result<void> add_pod(const Json& pod);
    Result<void> add_namespace(const Json& object);
    Result<void> set_labels(const Json& pod);
    void remove_namespace(const std::string& name);

    World world_;
    Json containers_ = Json::array();
    std::map<std::string, std::vector<Served>> served_;
    std::uint32_t next_endpoint_ = 1;
};

}  // namespace weft::policy::test
