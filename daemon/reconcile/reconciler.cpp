#include "daemon/reconcile/reconciler.hpp"

#include "common/log.hpp"
#include "policy/compile.hpp"

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
    const auto done = store_.transaction([&] { return change(batch, undo); });
    if (done) {
        for (auto& step : undo) step->commit();
        if (next_) succeed(std::move(*next_));
        next_.reset();
        if (!undo.empty()) ++counters_.revision;
        for (Request* request : batch)
            if (request->result) request->result = counters_.revision;
        return true;
    }
    while (!undo.empty()) undo.pop_back();  // last first
    if (next_) enforce_again();
    next_.reset();
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
    auto image = policy::compile(state_.world(), numbers_);
    if (!image) return wrap(image.error(), "compile the policies");
    counters_.compile_us = microseconds_since(start);
    image->new_rules = numbers_.new_rules();
    WEFT_CHECK(numbers_.write());
    feed_.announce(image_, *image);
    const auto apply_start = Clock::now();
    auto report = enforcer_.apply(*image, local_endpoints(*image), state_.settings());
    if (!report) {
        feed_.withdraw(image_, *image);
        return wrap(report.error(), "write the tables");
    }
    if (report->unfinished)
        spdlog::warn("in force, but not all that is unused was freed: {}", report->unfinished->text());
    counters_.apply_us = microseconds_since(apply_start);
    ++counters_.applies;
    counters_.writes += report->writes;
    counters_.generation = report->generation;
    counters_.epoch = report->epoch;
    counters_.last_error.clear();
    next_ = std::move(*image);
    return {};
}

// The kernel has what the database refused to remember: put back what was in force.
void Reconciler::enforce_again() {
    feed_.withdraw(image_, *next_);
    if (enforced_version_ == 0) return;  // nothing was
    auto report = enforcer_.apply(image_, local_endpoints(image_), state_.settings());
    if (!report) spdlog::error("put back what was in force: {}", report.error().text());
}

void Reconciler::succeed(policy::Image next) {
    numbers_.written();
    feed_.publish(state_, image_, next);
    image_ = std::move(next);
    enforced_version_ = state_.version();
    const auto now = Clock::now();
    if (now - forgot_ < kForgetInterval) return;
    forgot_ = now;
    numbers_.forget_unused();  // written with the next change; until then the database holds more than is needed
}

std::vector<maps::LocalEndpoint> Reconciler::local_endpoints(const policy::Image& image) const {
    std::vector<maps::LocalEndpoint> out;
    out.reserve(state_.endpoints().size());
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
    reader(View{state_, image_, counters_});
}

Result<void> Reconciler::rehearse(const Edit& edit) {
    const std::scoped_lock lock(mutex_);
    Rollback undo;  // runs at the end: nothing stays
    const auto before = enforced_version_;
    Result<void> outcome;
    const auto rolled_back = store_.transaction([&]() -> Result<void> {
        outcome = edit(state_, undo);
        return fail(ErrorCode::kInternal, "rehearsal");  // so that the store forgets it
    });
    static_cast<void>(rolled_back);
    if (outcome) {
        auto image = policy::compile(state_.world(), numbers_);
        if (!image) outcome = std::unexpected(image.error());
    }
    enforced_version_ = before;
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
