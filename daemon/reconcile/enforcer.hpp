// The kernel's side as reconcile needs it: maps::Applier behind it in the daemon, a fake that holds state in tests.
#pragma once

#include <vector>

#include "daemon/maps/applier.hpp"
#include "policy/image.hpp"

namespace weft::reconcile {

class Enforcer {
  public:
    virtual ~Enforcer() = default;
    // In force when it returns; an error leaves in force what was.
    virtual Result<maps::ApplyReport> apply(const policy::Image& image,
                                            const std::vector<maps::LocalEndpoint>& endpoints,
                                            const maps::NodeSettings& settings) = 0;
    // Frees what no packet can see any more.
    virtual Result<void> collect() = 0;
};

class MapsEnforcer : public Enforcer {
  public:
    explicit MapsEnforcer(maps::Applier& applier) : applier_(applier) {}
    Result<maps::ApplyReport> apply(const policy::Image& image, const std::vector<maps::LocalEndpoint>& endpoints,
                                    const maps::NodeSettings& settings) override {
        return applier_.apply(image, endpoints, settings);
    }
    Result<void> collect() override { return applier_.collect(); }

  private:
    maps::Applier& applier_;
};

}  // namespace weft::reconcile
