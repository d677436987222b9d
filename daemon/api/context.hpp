// What the handlers work with. All of it outlives the server.
#pragma once

#include <chrono>
#include <functional>

#include "daemon/endpoint/registry.hpp"
#include "daemon/ipam/ipam.hpp"
#include "daemon/reconcile/objects.hpp"
#include "daemon/watch/directory.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::api {

// What the daemon knows of itself beside the state.
struct NodeStatus {
    std::string node_name;
    std::string uplink;  // empty: none
    std::uint32_t mtu = 1500;
    std::string attach_mode;    // "tcx", "clsact"
    std::string object_digest;  // hex
    std::string loaded;         // "reused", "replaced", "fresh"
    std::string run_dir;
};

// Flow table sizes as the last ageing pass saw them.
struct FlowCounts {
    std::uint64_t live4 = 0, live6 = 0, aged = 0;
    std::string error;  // of the last pass
};

struct Context {
    reconcile::Reconciler& reconciler;
    reconcile::Objects& objects;
    reconcile::Feed& feed;
    endpoint::Registry& registry;
    ipam::Ipam& ipam;
    watch::Directory* directory;  // null: there is none
    datapath::Pins pins;
    NodeStatus node;
    std::function<FlowCounts()> flows;
    std::chrono::steady_clock::time_point started;
};

}  // namespace weft::api
