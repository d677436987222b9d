// The daemon's parts over the real maps, as weftd wires them, without its process: changes go in as objects' JSON text
// and are in force when apply() returns.
#pragma once

#include <filesystem>

#include "daemon/endpoint/registry.hpp"
#include "daemon/ipam/ipam.hpp"
#include "daemon/reconcile/objects.hpp"
#include "tests/bpf/world.hpp"

namespace weft::bench {

class PolicyNode {
  public:
    // Enters a network namespace of its own (this thread), with two devices for pods.
    explicit PolicyNode(const std::string& name);
    ~PolicyNode();
    PolicyNode(const PolicyNode&) = delete;
    PolicyNode& operator=(const PolicyNode&) = delete;

    void enter() const;  // this thread back into its network namespace
    Result<void> load(const std::vector<policy::Object>& objects);
    Result<void> apply(const std::string& text);
    Result<void> erase(const std::string& kind, const std::string& in, const std::string& name);
    // A pod of this node, as weft-cni asks for it. The first two have devices, the others only numbers.
    Result<endpoint::Endpoint> add(const std::string& id, const std::string& in, const policy::Labels& labels);
    Result<void> remove(const std::string& id);
    Result<void> collect();

    maps::ApplierCounts rows() const { return applier_->counts(); }
    void read(const std::function<void(const reconcile::View&)>& reader) { reconciler_->read(reader); }
    test::World& world() { return world_; }
    std::uint32_t device(std::size_t which) const { return devices_[which]; }

  private:
    std::filesystem::path folder_;
    test::World world_;
    Fd netns_;
    std::vector<std::uint32_t> devices_;
    std::size_t added_ = 0;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<store::StoredNumbers> numbers_;
    std::unique_ptr<ipam::Ipam> ipam_;
    std::unique_ptr<maps::Applier> applier_;
    std::unique_ptr<reconcile::MapsEnforcer> enforcer_;
    reconcile::Feed feed_{"bench"};
    std::unique_ptr<reconcile::Reconciler> reconciler_;
    std::unique_ptr<reconcile::Objects> objects_;
    std::unique_ptr<endpoint::Registry> registry_;
};

}  // namespace weft::bench
