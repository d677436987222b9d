// Turns changes of the state into what the kernel enforces, each whole or not at all, and remembers them.
//
// Changes that wait while one is being enforced are enforced together (one compile, one transaction of the maps, one of
// the database); when they cannot be, each is tried alone, so that one bad change does not fail its neighbours.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <span>

#include "daemon/reconcile/enforcer.hpp"
#include "daemon/reconcile/metadata.hpp"
#include "daemon/reconcile/state.hpp"
#include "daemon/store/stored_numbers.hpp"
#include "policy/compile.hpp"

namespace weft::reconcile {

struct Counters {
    std::uint64_t revision = 0;  // changes in force, counted since the start
    std::uint64_t applies = 0;   // compiles that were given to the maps
    std::uint64_t failures = 0;
    std::uint64_t writes = 0;  // rows written by them
    std::uint32_t generation = 0;
    std::uint32_t epoch = 0;
    std::int64_t compile_us = 0;  // of the last
    std::int64_t apply_us = 0;
    std::string last_error;  // empty when the last apply went through
};

// What a reader sees; valid during the call.
struct View {
    const State& state;
    const policy::Image& image;
    const Counters& counters;
};

class Reconciler {
  public:
    // Changes the state and what it writes to the store; on an error its undo runs and its writes are taken back. It
    // may be run twice (together with others, then alone), each time from the state before it.
    using Edit = std::function<Result<void>(State&, Rollback&)>;

    // All must outlive this.
    Reconciler(store::Store& store, store::StoredNumbers& numbers, Enforcer& enforcer, Feed& feed)
        : store_(store), numbers_(numbers), enforcer_(enforcer), feed_(feed), compiler_(numbers) {}

    // Returns the revision once the change is in force and remembered, or the error, and then nothing has changed.
    // Thread-safe; must not be called from within an edit or a read.
    Result<std::uint64_t> submit(Edit edit);

    // Runs `reader` while nothing changes. Keep it short.
    void read(const std::function<void(const View&)>& reader);
    // What the change would compile to, without enforcing it.
    Result<void> rehearse(const Edit& edit);

    // Frees what no packet sees any more; call it every second or so.
    Result<void> collect();

  private:
    struct Request {
        Edit edit;
        Result<std::uint64_t> result = std::uint64_t{0};
        bool done = false;
    };
    void run(std::span<Request*> batch);
    bool attempt(std::span<Request*> batch);
    Result<void> change(std::span<Request*> batch, std::vector<std::unique_ptr<Rollback>>& undo);
    Result<void> enforce();
    void take_back();
    std::vector<maps::LocalEndpoint> local_endpoints() const;
    void succeed();

    store::Store& store_;
    store::StoredNumbers& numbers_;
    Enforcer& enforcer_;
    Feed& feed_;

    std::mutex queue_mutex_;
    std::vector<Request*> queue_;

    std::mutex mutex_;  // guards everything below, the store and the pools
    State state_;
    policy::Compiler compiler_;  // its image is in force, but for the time of an attempt
    bool compiled_ = false;      // in this attempt
    bool applied_ = false;       // and given to the kernel, not yet remembered
    std::uint64_t enforced_version_ = 0;
    Counters counters_;
    std::chrono::steady_clock::time_point forgot_{};
};

}  // namespace weft::reconcile
