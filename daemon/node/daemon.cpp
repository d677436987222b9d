#include "daemon/node/daemon.hpp"

#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "common/log.hpp"
#include "daemon/node/capabilities.hpp"
#include "daemon/node/lock.hpp"
#include "datapath/loader/attach.hpp"
#include "datapath/loader/object.hpp"

namespace weft::node {

namespace {

constexpr auto kTick = std::chrono::seconds(1);
constexpr auto kFactsInterval = std::chrono::seconds(2);
constexpr auto kVanishedInterval = std::chrono::seconds(30);

std::string hex(const std::array<std::uint8_t, 32>& bytes) {
    std::string out;
    for (const auto byte : bytes) out += fmt::format("{:02x}", byte);
    return out;
}

std::string_view loaded_text(datapath::Loaded loaded) {
    switch (loaded) {
        case datapath::Loaded::kReused:
            return "reused";
        case datapath::Loaded::kReplaced:
            return "replaced";
        case datapath::Loaded::kFresh:
            return "fresh";
    }
    return "";
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::start(const Config& config) {
    std::unique_ptr<Daemon> out(new Daemon(config));
    WEFT_TRY(lock, lock_run_dir(config.run_dir));
    out->lock_ = std::move(lock);
    WEFT_CHECK(out->open_datapath());
    WEFT_CHECK(out->open_state());
    WEFT_CHECK(out->first_change());
    WEFT_CHECK(out->open_api());
    WEFT_CHECK(drop_capabilities());
    malloc_trim(0);  // reading and compiling everything took more than keeping it
    return out;
}

Daemon::~Daemon() {
    if (housekeeper_.joinable()) {
        eventfd_write(wake_.get(), 1);
        housekeeper_.join();
    }
}

Result<void> Daemon::open_datapath() {
    pins_.root = config_.bpf_dir;
    WEFT_TRY(loaded, datapath::ensure_loaded(pins_, config_.sizes));
    WEFT_TRY(applier, maps::Applier::open(pins_));
    applier_ = std::make_unique<maps::Applier>(std::move(applier));
    enforcer_ = std::make_unique<reconcile::MapsEnforcer>(*applier_);
    status_.loaded = loaded_text(loaded);
    status_.object_digest = hex(datapath::bpf_object_digest());
    status_.attach_mode = datapath::attach_mode() == datapath::AttachMode::kTcx ? "tcx" : "clsact";
    return {};
}

Result<void> Daemon::open_state() {
    WEFT_TRY(store, store::Store::open(std::filesystem::path(config_.run_dir) / "weft.db"));
    store_ = std::make_unique<store::Store>(std::move(store));
    WEFT_TRY(numbers, store::StoredNumbers::load(*store_));
    numbers_ = std::move(numbers);
    WEFT_TRY(pools, ipam::Ipam::make(config_.ipam));
    ipam_ = std::make_unique<ipam::Ipam>(std::move(pools));
    feed_ = std::make_unique<reconcile::Feed>(config_.node_name);
    reconciler_ = std::make_unique<reconcile::Reconciler>(*store_, *numbers_, *enforcer_, *feed_);
    objects_ = std::make_unique<reconcile::Objects>(*reconciler_, *store_);
    registry_ = std::make_unique<endpoint::Registry>(*reconciler_, *store_, *ipam_);
    queue_ = std::make_unique<DeleteQueue>(std::filesystem::path(config_.run_dir) / WEFT_DELETE_QUEUE);
    WEFT_CHECK(queue_->open());
    if (!config_.objects_dir.empty()) directory_ = std::make_unique<watch::Directory>(config_.objects_dir, *objects_);
    return {};
}

// Everything at once: with a part of it some pod would be open, or cut off, until the rest came.
Result<void> Daemon::first_change() {
    WEFT_TRY(facts, find_facts(config_, ipam_->ranges()));
    facts_ = std::move(facts);
    const auto done = reconciler_->submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
        state.set_facts(facts_.node, undo);
        state.set_settings(settings_with(config_, facts_), undo);
        WEFT_CHECK(objects_->restore(state, undo));
        WEFT_CHECK(registry_->restore(state, undo));
        return directory_ ? directory_->load(state, undo) : Result<void>{};
    });
    if (!done) return wrap(done.error(), "bring the kernel to the remembered state");
    if (const auto replayed = queue_->replay(*registry_); replayed > 0)
        spdlog::info("{} queued DELs replayed", replayed);
    WEFT_CHECK(renew_programs());
    if (facts_.uplink.empty()) return {};
    constexpr datapath::Attachment kUplink[] = {{datapath::TcHook::kIngress, WEFT_PROG_FROM_NETDEV},
                                                {datapath::TcHook::kEgress, WEFT_PROG_TO_NETDEV}};
    return datapath::attach(pins_, facts_.uplink, kUplink);
}

// Another build's programs are pinned now, but a filter of clsact still holds the old ones. Looked at on every start,
// not only after a replacement: the daemon that replaced them may have been killed before it came here.
Result<void> Daemon::renew_programs() {
    for (const auto& endpoint : registry_->list()) {
        const struct {
            datapath::TcHook hook;
            const char* program;
        } attachments[] = {{datapath::TcHook::kIngress, WEFT_PROG_FROM_POD},
                           {datapath::TcHook::kEgress, WEFT_PROG_TO_POD}};
        for (const auto& [hook, program] : attachments) {
            const auto renewed = datapath::renew(pins_, endpoint->host_ifname, hook, program);
            if (!renewed && renewed.error().code != ErrorCode::kNotFound)
                return wrap(renewed.error(), fmt::format("renew {} of {}", program, endpoint->host_ifname));
        }
    }
    return {};
}

Result<void> Daemon::open_api() {
    status_.node_name = config_.node_name;
    status_.uplink = facts_.uplink;
    status_.mtu = facts_.mtu;
    status_.run_dir = config_.run_dir;
    context_ = std::make_unique<api::Context>(api::Context{*reconciler_, *objects_, *feed_, *registry_, *ipam_,
                                                           directory_.get(), pins_, status_,
                                                           [this] { return flow_counts(); }, started_});
    WEFT_TRY(server, api::Server::bind(std::filesystem::path(config_.run_dir) / WEFT_SOCKET_NAME, *context_));
    server_ = std::move(server);
    wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return fail_errno("make an eventfd");
    return {};
}

Result<void> Daemon::serve() {
    if (directory_) WEFT_CHECK(directory_->start());
    housekeeper_ = std::thread([this] { keep_house(); });
    spdlog::info("serving {}: {} endpoints, {} ({}), uplink {}", config_.run_dir, registry_->list().size(),
                 status_.attach_mode, status_.loaded, facts_.uplink.empty() ? "none" : facts_.uplink);
    auto served = server_->serve();
    if (directory_) directory_->stop();
    return served;
}

void Daemon::stop() {
    server_->stop();
}

api::FlowCounts Daemon::flow_counts() {
    const std::scoped_lock lock(flows_mutex_);
    return flows_;
}

void Daemon::age() {
    const auto aged = datapath::age_flows(pins_);
    const std::scoped_lock lock(flows_mutex_);
    if (aged) {
        flows_ = {aged->live4, aged->live6, flows_.aged + aged->aged, ""};
    } else {
        if (flows_.error.empty()) spdlog::error("ageing: {}", aged.error().text());
        flows_.error = aged.error().text();
    }
}

// Addresses come and go while the daemon runs (DHCP); the uplink itself is chosen at the start.
void Daemon::refresh_facts() {
    auto now = find_facts(config_, ipam_->ranges());
    if (!now) return spdlog::warn("look at the node's network: {}", now.error().text());
    if (now->uplink != facts_.uplink || *now == facts_) return;
    spdlog::info("the node's addresses changed");
    const auto done = reconciler_->submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
        state.set_facts(now->node, undo);
        state.set_settings(settings_with(config_, *now), undo);
        return {};
    });
    if (done)
        facts_ = std::move(*now);
    else
        spdlog::error("enforce the node's new addresses: {}", done.error().text());
}

void Daemon::remove_vanished() {
    const auto removed = registry_->remove_vanished();
    if (!removed) return spdlog::error("{}", removed.error().text());
    for (const auto& endpoint : *removed)
        spdlog::warn(
            "endpoint {} ({} of container {}) is gone without a DEL, host interface and network namespace: removed",
            endpoint.id, endpoint.attachment.ifname, endpoint.attachment.container_id);
}

void Daemon::keep_house() {
    using Clock = std::chrono::steady_clock;
    Clock::time_point next_age{}, next_facts = Clock::now() + kFactsInterval, next_vanished = Clock::now();
    for (;;) {
        pollfd fds[] = {{queue_->fd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
        poll(fds, 2, static_cast<int>(std::chrono::milliseconds(kTick).count()));
        if ((fds[1].revents & POLLIN) != 0) return;
        queue_->replay(*registry_);
        if (const auto freed = reconciler_->collect(); !freed)
            spdlog::warn("free what is not used: {}", freed.error().text());
        const auto now = Clock::now();
        if (now >= next_age) {
            age();
            next_age = now + std::chrono::seconds(config_.age_interval);
        }
        if (now >= next_facts) {
            refresh_facts();
            next_facts = now + kFactsInterval;
        }
        if (now >= next_vanished) {
            remove_vanished();
            next_vanished = now + kVanishedInterval;
        }
    }
}

}  // namespace weft::node
