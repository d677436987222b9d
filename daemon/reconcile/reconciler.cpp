#include "daemon/reconcile/reconciler.hpp"

#include "common/log.hpp"

namespace weft::reconcile {

namespace {

using Clock = std::chrono::steady_clock;

// Numbers of what is gone are kept so long, that late flow events still find their names and a pod that comes back its
// identity.
constexpr auto kForgetInterval = std::chrono::seconds(60);

std::int64_t microseconds_since(Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
}

}  // namespace

Result<std::uint64_t> Reconciler::submit(Edit edit) {
    Request request{std::move(edit)};
    {
        const std::scoped_lock lock(queue_mutex_);
        queue_.push_back(&request);
    }
    const std::scoped_lock lock(mutex_);
    if (request.done) return request.result;
    std::vector<Request*> batch;
    {
        const std::scoped_lock queue_lock(queue_mutex_);
        batch.swap(queue_);
    }
    run(batch);
    return request.result;
}

void Reconciler::run(std::span<Request*> batch) {
    const bool together = attempt(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (!together && batch.size() > 1) attempt(batch.subspan(i, 1));
        batch[i]->done = true;
    }
}

// Whether the batch is settled; if not, nothing of it has happened and every result is an error.
bool Reconciler::attempt(std::span<Request*> batch) {
    std::vector<std::unique_ptr<Rollback>> undo;
    compiled_ = applied_ = false;
    const auto done = store_.transaction([&] { return change(batch, undo); });
    if (done) {
        for (auto& step : undo) step->commit();
        if (applied_) succeed();
        if (!undo.empty()) ++counters_.revision;
        for (Request* request : batch)
            if (request->result) request->result = counters_.revision;
        return true;
    }
    while (!undo.empty()) undo.pop_back();  // last first
    if (compiled_) take_back();
    ++counters_.failures;
    counters_.last_error = done.error().text();
    spdlog::error("a change was not enforced: {}", counters_.last_error);
    for (Request* request : batch)
        if (request->result) request->result = std::unexpected(done.error());
    return false;
}

Result<void> Reconciler::change(std::span<Request*> batch, std::vector<std::unique_ptr<Rollback>>& undo) {
    for (Request* request : batch) {
        request->result = std::uint64_t{0};
        auto steps = std::make_unique<Rollback>();
        auto edited = store_.transaction([&] { return request->edit(state_, *steps); });
        if (edited)
            undo.push_back(std::move(steps));
        else
            request->result = std::unexpected(std::move(edited).error());
    }
    if (undo.empty() || state_.version() == enforced_version_) return {};
    return enforce();
}

Result<void> Reconciler::enforce() {
    const auto start = Clock::now();
    compiled_ = true;
    if (auto done = compiler_.update(state_.world(), state_.take_changes()); !done)
        return wrap(done.error(), "compile the policies");
    counters_.compile_us = microseconds_since(start);
    compiler_.editor().set_new_rules(numbers_.new_rules());
    WEFT_CHECK(numbers_.write());
    feed_.announce(compiler_.image(), compiler_.delta());
    const auto apply_start = Clock::now();
    auto report = enforcer_.apply(compiler_.image(), local_endpoints(), state_.settings(), &compiler_.delta());
    if (!report) {
        feed_.withdraw(compiler_.image(), compiler_.delta());
        return wrap(report.error(), "write the tables");
    }
    applied_ = true;
    if (report->unfinished)
        spdlog::warn("in force, but not all that is unused was freed: {}", report->unfinished->text());
    counters_.apply_us = microseconds_since(apply_start);
    ++counters_.applies;
    counters_.writes += report->writes;
    counters_.generation = report->generation;
    counters_.epoch = report->epoch;
    counters_.last_error.clear();
    return {};
}

// The state is as before: so is the image now. If the kernel has what the database refused to remember, what was in
// force is put back.
void Reconciler::take_back() {
    if (applied_) feed_.withdraw(compiler_.image(), compiler_.delta());
    if (auto done = compiler_.update(state_.world(), state_.take_changes()); !done)
        return spdlog::error("compile what was in force: {}", done.error().text());
    compiler_.editor().set_new_rules({});
    if (!applied_ || enforced_version_ == 0) return;  // nothing was
    auto report = enforcer_.apply(compiler_.image(), local_endpoints(), state_.settings(), nullptr);
    if (!report) spdlog::error("put back what was in force: {}", report.error().text());
}

void Reconciler::succeed() {
    numbers_.written();
    feed_.publish(state_, compiler_.image(), compiler_.delta());
    enforced_version_ = state_.version();
    const auto now = Clock::now();
    if (now - forgot_ < kForgetInterval) return;
    forgot_ = now;
    numbers_.forget_unused();  // written with the next change; until then the database holds more than is needed
}

std::vector<maps::LocalEndpoint> Reconciler::local_endpoints() const {
    const auto& image = compiler_.image();
    std::vector<maps::LocalEndpoint> out;
    out.reserve(state_.endpoints().size() + 1);
    constexpr std::uint32_t kLoopback = 1;  // its number in every network namespace: the node's row needs some device
    if (image.node_endpoint != 0) out.push_back({image.node_endpoint, kLoopback, policy::kIdentityHost, {}});
    for (const auto& [id, endpoint] : state_.endpoints()) {
        maps::LocalEndpoint local{id, endpoint->host_ifindex, 0, endpoint->mac};
        for (const auto& ip : endpoint->ips)
            if (const auto at = image.addresses.find(ip); at != image.addresses.end() && at->second.endpoint == id)
                local.identity = at->second.identity;
        out.push_back(local);
    }
    return out;
}

void Reconciler::read(const std::function<void(const View&)>& reader) {
    const std::scoped_lock lock(mutex_);
    reader(View{state_, compiler_.image(), counters_});
}

Result<void> Reconciler::rehearse(const Edit& edit) {
    const std::scoped_lock lock(mutex_);
    Result<void> outcome;
    bool compiled = false;
    {
        Rollback undo;  // runs at the end: nothing stays
        const auto rolled_back = store_.transaction([&]() -> Result<void> {
            outcome = edit(state_, undo);
            return fail(ErrorCode::kInternal, "rehearsal");  // so that the store forgets it
        });
        static_cast<void>(rolled_back);
        if (outcome) {
            compiled = true;
            outcome = compiler_.update(state_.world(), state_.take_changes());
        }
    }
    if (compiled) WEFT_CHECK(compiler_.update(state_.world(), state_.take_changes()));
    return outcome;
}

Result<void> Reconciler::collect() {
    std::optional<std::uint64_t> since;
    {
        const std::scoped_lock lock(mutex_);
        since = enforcer_.untidy();
    }
    if (!since) return {};
    WEFT_CHECK(enforcer_.grace_period());
    const std::scoped_lock lock(mutex_);
    return enforcer_.collect(*since);
}

}  // namespace weft::reconcile
