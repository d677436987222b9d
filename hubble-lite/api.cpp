#include "hubble-lite/api.hpp"

#include <unistd.h>

#include <ctime>

#include "common/json.hpp"
#include "hubble-lite/cursor.hpp"
#include "hubble-lite/flow_json.hpp"
#include "hubble-lite/metrics.hpp"
#include "hubble-lite/ui/page.hpp"

namespace weft::hubble {

namespace {

constexpr std::chrono::milliseconds kPatience{400};

std::int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// A place among the clients, given back at the end.
class ClientPlace {
  public:
    explicit ClientPlace(Stats& stats) : stats_(stats) {}
    ClientPlace(const ClientPlace&) = delete;
    ClientPlace& operator=(const ClientPlace&) = delete;
    ~ClientPlace() { --stats_.clients; }

  private:
    Stats& stats_;
};

std::shared_ptr<ClientPlace> take_place(Stats& stats) {
    if (++stats.clients <= Api::kMaxClients) return std::make_shared<ClientPlace>(stats);
    --stats.clients;
    ++stats.clients_refused;
    return nullptr;
}

}  // namespace

std::vector<HttpRoute> Api::routes() {
    const auto page = [](const HttpRequest&) {
        return HttpAnswer{200, "text/html; charset=utf-8", std::string(page_html()), {}};
    };
    const auto metrics = [this](const HttpRequest&) {
        return HttpAnswer{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(stats_, ring_, names_), {}};
    };
    return {
        {"/", page, true},
        {"/healthz", [this](const HttpRequest&) { return health(); }, true},
        {"/v1/flows", [this](const HttpRequest& request) { return flows(request); }},
        {"/v1/status", [this](const HttpRequest&) { return status(); }},
        {"/metrics", metrics},
    };
}

HttpAnswer Api::flows(const HttpRequest& request) {
    auto query = parse_query(request.query, now_ns());
    if (!query) {
        query.error().code = ErrorCode::kInvalid;
        return error_answer(query.error());
    }
    auto place = take_place(stats_);
    if (!place)
        return error_answer({ErrorCode::kExhausted, fmt::format("{} clients read flows already", kMaxClients), {}});
    HttpAnswer out;
    out.content_type = "application/x-ndjson";
    out.stream = [this, place, cursor = std::make_shared<Cursor>(ring_, std::move(*query)),
                  node = node_name()](std::string& text) {
        const std::uint64_t before = cursor->overwritten();
        const bool more = cursor->advance([&](const Record& record) { append_line(text, record, node); }, kPatience);
        stats_.lost_flow_ring += cursor->overwritten() - before;
        return more && !stop_;
    };
    return out;
}

// ServerStatusResponse of observer.proto: 64-bit numbers are strings in its JSON.
HttpAnswer Api::status() const {
    const auto uptime = std::chrono::steady_clock::now() - stats_.started;
    const auto counts = names_.counts();
    const Json body{
        {"num_flows", fmt::to_string(ring_.size())},
        {"max_flows", fmt::to_string(ring_.capacity())},
        {"seen_flows", fmt::to_string(stats_.seen.load())},
        {"uptime_ns", fmt::to_string(std::chrono::nanoseconds(uptime).count())},
        {"flows_rate", static_cast<double>(stats_.flows_per_second_milli) / 1000.0},
        {"version", "weft " WEFT_VERSION},
        {"weft",
         {{"node_name", node_name()},
          {"source_open", stats_.source_open.load()},
          {"metadata_connected", stats_.metadata_connected.load()},
          {"clients", stats_.clients.load()},
          {"lost", {{"kernel_ring", stats_.lost_kernel.load()}, {"flow_ring", stats_.lost_flow_ring.load()}}},
          {"names", {{"endpoints", counts.endpoints}, {"identities", counts.identities}, {"rules", counts.rules}}}}},
    };
    return {200, "application/json", to_line(body) + "\n", {}};
}

HttpAnswer Api::health() const {
    if (stats_.source_open) return {200, "application/json", "{\"status\":\"ok\"}\n", {}};
    return {
        503, "application/json", "{\"status\":\"the datapath's events cannot be read yet: is weftd running?\"}\n", {}};
}

std::string Api::node_name() const {
    if (!node_name_.empty()) return node_name_;
    if (auto name = names_.node_name(); !name.empty()) return name;
    char host[256] = {};
    return gethostname(host, sizeof host - 1) == 0 ? host : "";
}

}  // namespace weft::hubble
