// Puts a compiled policy::Image into the kernel's maps as a transaction (plan.hpp has the order and why it is right),
// and remembers what the kernel truly holds, so that the next image costs only its differences.
//
// Not thread-safe: the daemon calls apply() and collect() from one thread (or under one lock). Nobody else writes these
// maps.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/ip_addr.hpp"
#include "common/result.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "daemon/maps/plan.hpp"
#include "daemon/maps/writer.hpp"
#include "datapath/loader/pins.hpp"
#include "policy/image_delta.hpp"

namespace weft::maps {

struct ApplyReport {
    std::uint64_t writes = 0;      // rows written or erased for this change; 0: the kernel was as the image says
    bool flipped = false;          // some pod's compiled policy changed: the epoch was changed
    std::uint32_t generation = 0;  // in force now
    std::uint32_t epoch = 0;
    // The image is in force, but rows that it no longer needs could not be erased: worth a log line. The next apply
    // tries again.
    std::optional<Error> unfinished;
};

// Since the applier was opened.
struct ApplierCounts {
    std::uint64_t applied = 0;    // transactions that went through, those without a difference included
    std::uint64_t failed = 0;     // transactions that were refused or taken back
    std::uint64_t writes = 0;     // rows written or erased by transactions
    std::uint64_t collected = 0;  // rows freed or merged by collect()
    std::uint64_t rows_addresses = 0, rows_cidrs = 0, rows_policies = 0, rows_policy_classes = 0,
                  rows_ports = 0;  // now
};

class Applier {
  public:
    // Opens the pinned maps (datapath::ensure_loaded made them) and reads back what they hold. Writes nothing.
    static Result<Applier> open(const datapath::Pins& pins);
    // For tests: any writer, and what the kernel behind it holds.
    static Applier with(std::unique_ptr<Writer> writer, KernelState state);

    // Makes the kernel enforce `image` for exactly these endpoints. Returns once it is in force for every next packet.
    // `endpoints` are all pods of this node that have a device; each must be in image.endpoints (kInternal else).
    // Errors leave what was in force in force: kExhausted when something does not fit (nothing was written),
    // kInternal for an image that contradicts itself (nothing was written), kSystem for a failed write (taken back).
    // `delta`: how the image differs from the one that was applied last without an error; nothing: look at everything.
    Result<ApplyReport> apply(const policy::Image& image, const std::vector<LocalEndpoint>& endpoints,
                              const NodeSettings& settings, const policy::ImageDelta* delta = nullptr);

    // What is left behind is freed in three steps, for the wait in the middle (some 10 ms) must hold up no apply():
    // untidy() gives the state of the tables if there is something to free, grace_period() waits, the one function here
    // that any thread may call at any time, and collect() frees what no packet can see any more, unless something was
    // written meanwhile: then it is left for the next time. An error is worth a log line: what was not freed is tried
    // again. Call them from a timer, once a second or a moment after each apply.
    std::optional<std::uint64_t> untidy() const;
    Result<void> grace_period() const;
    Result<void> collect(std::uint64_t since);
    Result<void> collect();  // the three steps at once

    // What the kernel holds, by our reckoning. Class numbers here may differ from the image's (plan.hpp).
    const KernelState& state() const { return state_; }
    ApplierCounts counts() const;

  private:
    Applier(std::unique_ptr<Writer> writer, KernelState state);
    Result<void> write(const Write& write);
    Result<void> write_or_take_back(const std::vector<Write>& writes);
    Result<void> grace();
    Result<Plan> plan(const policy::Image& image, const std::vector<LocalEndpoint>& endpoints,
                      const NodeSettings& settings, const policy::ImageDelta* delta);
    Result<void> execute(const Plan& plan);
    std::optional<Error> clean_up(const Plan& plan);
    Result<void> reset_new_rules(const policy::Image& image);
    void forget_merged();

    std::unique_ptr<Writer> writer_;
    KernelState state_;
    ApplierCounts counts_;
    ClassMap classes_;                                      // of the image that was applied last
    std::map<std::uint32_t, std::uint32_t> kernel_policy_;  // image policy -> kernel policy, likewise
    std::unique_ptr<PortSets> sets_;                        // nothing: to be made anew
    bool in_step_ = false;       // the kernel holds exactly the image that was applied last, and the two maps are its
    bool flipped_ = true;        // the epoch was changed (or nobody knows) and no grace period has passed since
    bool untidy_ = true;         // collect() may have something to do
    std::uint64_t changes_ = 0;  // attempts to write, ever
};

}  // namespace weft::maps
