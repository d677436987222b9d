// The kernel's side as reconcile needs it: maps::Applier behind it in the daemon, a fake that holds state in tests.
#pragma once

#include <optional>
#include <vector>

#include "daemon/maps/applier.hpp"
#include "policy/image.hpp"

namespace weft::reconcile {

class Enforcer {
  public:
    virtual ~Enforcer() = default;
    // In force when it returns; an error leaves in force what was.
    // `delta`: how the image differs from the one before it that was enforced; nothing: not known.
    virtual Result<maps::ApplyReport> apply(const policy::Image& image,
                                            const std::vector<maps::LocalEndpoint>& endpoints,
                                            const maps::NodeSettings& settings, const policy::ImageDelta* delta) = 0;
    // The steps by which what no packet can see any more is freed (maps::Applier).
    virtual std::optional<std::uint64_t> untidy() const = 0;
    virtual Result<void> grace_period() const = 0;
    virtual Result<void> collect(std::uint64_t since) = 0;
};

class MapsEnforcer : public Enforcer {
  public:
    explicit MapsEnforcer(maps::Applier& applier) : applier_(applier) {}
    Result<maps::ApplyReport> apply(const policy::Image& image, const std::vector<maps::LocalEndpoint>& endpoints,
                                    const maps::NodeSettings& settings, const policy::ImageDelta* delta) override {
        return applier_.apply(image, endpoints, settings, delta);
    }
    std::optional<std::uint64_t> untidy() const override { return applier_.untidy(); }
    Result<void> grace_period() const override { return applier_.grace_period(); }
    Result<void> collect(std::uint64_t since) override { return applier_.collect(since); }

  private:
    maps::Applier& applier_;
};

}  // namespace weft::reconcile
