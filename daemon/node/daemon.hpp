// The daemon: its parts, in the order in which they come up.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "daemon/api/server.hpp"
#include "daemon/node/delete_queue.hpp"
#include "daemon/node/facts.hpp"

namespace weft::node {

class Daemon {
  public:
    // Loads the datapath, opens the store, brings the kernel to what is remembered and what the objects directory says,
    // attaches to the uplink, binds the socket. An error leaves the kernel as it was found, or as the last daemon left
    // it.
    static Result<std::unique_ptr<Daemon>> start(const Config& config);
    ~Daemon();

    // Serves until stop() (any thread). The kernel's state stays.
    Result<void> serve();
    void stop();

  private:
    explicit Daemon(const Config& config) : config_(config) {}
    Result<void> open_datapath();
    Result<void> open_state();
    Result<void> first_change();
    Result<void> renew_programs();
    Result<void> open_api();
    void keep_house();
    void refresh_facts();
    void remove_vanished();
    void age();
    api::FlowCounts flow_counts();

    const Config config_;
    const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    Fd lock_;
    datapath::Pins pins_;
    Facts facts_;
    api::NodeStatus status_;
    std::unique_ptr<maps::Applier> applier_;
    std::unique_ptr<reconcile::Enforcer> enforcer_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<store::StoredNumbers> numbers_;
    std::unique_ptr<ipam::Ipam> ipam_;
    std::unique_ptr<reconcile::Feed> feed_;
    std::unique_ptr<reconcile::Reconciler> reconciler_;
    std::unique_ptr<reconcile::Objects> objects_;
    std::unique_ptr<endpoint::Registry> registry_;
    std::unique_ptr<DeleteQueue> queue_;
    std::unique_ptr<watch::Directory> directory_;
    std::unique_ptr<api::Context> context_;
    std::unique_ptr<api::Server> server_;

    std::mutex flows_mutex_;
    api::FlowCounts flows_;
    Fd wake_;
    std::thread housekeeper_;
};

}  // namespace weft::node
