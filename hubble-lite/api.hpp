// What hubble-lite serves (docs/flow-schema.md).
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "hubble-lite/http.hpp"
#include "hubble-lite/names.hpp"
#include "hubble-lite/ring.hpp"
#include "hubble-lite/stats.hpp"

namespace weft::hubble {

class Api {
  public:
    static constexpr std::uint32_t kMaxClients = 32;  // reading /v1/flows at a time; fewer than HttpServer::kThreads

    // `node_name` empty: weftd's. All must outlive the server.
    Api(const Ring& ring, Names& names, Stats& stats, const std::atomic<bool>& stop, std::string node_name)
        : ring_(ring), names_(names), stats_(stats), stop_(stop), node_name_(std::move(node_name)) {}

    std::vector<HttpRoute> routes();

  private:
    HttpAnswer flows(const HttpRequest& request);
    HttpAnswer status() const;
    HttpAnswer health() const;
    std::string node_name() const;

    const Ring& ring_;
    Names& names_;
    Stats& stats_;
    const std::atomic<bool>& stop_;
    std::string node_name_;
};

}  // namespace weft::hubble
