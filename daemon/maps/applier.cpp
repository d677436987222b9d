#include "daemon/maps/applier.hpp"

#include <algorithm>
#include <ranges>

#include "daemon/maps/names.hpp"
#include "daemon/maps/tidy.hpp"

namespace weft::maps {

namespace {

// Addresses and endpoints are what packets find first: these are put back at once. Tables and class rows that nobody
// can reach then are collect()'s.
bool is_put_back(const Write& write) {
    return std::holds_alternative<PutAddress>(write) || std::holds_alternative<PutCidr>(write) ||
           std::holds_alternative<PutEndpoint>(write) || std::holds_alternative<PutControl>(write);
}

}  // namespace

Applier::Applier(std::unique_ptr<Writer> writer, KernelState state)
    : writer_(std::move(writer)), state_(std::move(state)) {
    state_.recount();
}

Applier Applier::with(std::unique_ptr<Writer> writer, KernelState state) {
    return {std::move(writer), std::move(state)};
}

Result<void> Applier::write(const Write& write) {
    ++changes_;
    WEFT_CHECK(writer_->write(write));
    state_.apply(write);
    untidy_ = true;
    return {};
}

Result<void> Applier::grace_period() const {
    if (auto waited = writer_->grace(); !waited) return wrap(waited.error(), "wait for packets on their way");
    return {};
}

Result<void> Applier::grace() {
    WEFT_CHECK(grace_period());
    state_.grace_passed();
    flipped_ = false;
    return {};
}

Result<void> Applier::write_or_take_back(const std::vector<Write>& writes) {
    auto written = writer_->write_all(writes);
    changes_ += written.rows + (written.error ? 1 : 0);
    untidy_ |= written.rows > 0;
    std::vector<Write> undo;
    for (const auto& one : writes | std::views::take(written.rows)) {
        if (written.error && is_put_back(one)) undo.push_back(state_.inverse(one));
        state_.apply(one);
    }
    if (!written.error) return {};
    auto error = std::move(*written.error);
    for (const auto& before : undo | std::views::reverse)
        if (auto taken_back = write(before); !taken_back)
            error.message += fmt::format("; and to take a row back: {}", taken_back.error().message);
    return std::unexpected(std::move(error));
}

Result<Plan> Applier::plan(const policy::Image& image, const std::vector<LocalEndpoint>& endpoints,
                           const NodeSettings& settings, const policy::ImageDelta* delta) {
    // Made anew it numbers lists of names afresh: then every table is looked at.
    const bool anew = sets_ == nullptr || sets_->stale();
    if (anew) sets_ = std::make_unique<PortSets>(state_);
    const auto known = in_step_ && !anew && delta != nullptr && !delta->whole
                           ? std::optional(Known{*delta, classes_, kernel_policy_})
                           : std::nullopt;
    auto plan = make_plan(state_, image, endpoints, settings, *sets_, known);
    if (plan || plan.error().code != ErrorCode::kExhausted || !untidy_) return plan;
    // What older transactions left may be what is in the way.
    if (auto collected = collect(); !collected) return std::unexpected(std::move(collected).error());
    return make_plan(state_, image, endpoints, settings, *sets_, known);
}

Result<void> Applier::execute(const Plan& plan) {
    if ((flipped_ && !plan.empty()) || plan.reuses_endpoint) WEFT_CHECK(grace());
    auto writes = plan.before;
    if (plan.commit) writes.emplace_back(*plan.commit);
    if (auto written = write_or_take_back(writes); !written) {
        classes_.clear();  // nothing is merged until an image is known to be in force again
        sets_.reset();
        state_.recount();
        return written;
    }
    sets_->commit();
    flipped_ = flipped_ || plan.flips;
    if (plan.all_classes) classes_.clear();
    for (const auto& [number, target] : plan.classes) classes_.set(number, target);
    kernel_policy_ = plan.kernel_policy;
    return {};
}

// The new image is in force; what fails here leaves rows that the next apply finds and erases.
std::optional<Error> Applier::clean_up(const Plan& plan) {
    std::optional<Error> failed;
    const auto attempt = [&](Result<void> result) {
        if (result) return true;
        if (!failed) failed = std::move(result).error();
        return false;
    };
    for (const auto& erasure : plan.after) attempt(write(erasure));
    if (plan.removals.empty() || !plan.flips || attempt(grace()))
        for (const auto& erasure : plan.removals) attempt(write(erasure));
    if (plan.end) attempt(write(*plan.end));
    for (const auto& [number, target] : plan.classes)
        if (state_.carried(number) == 0) classes_.forget(number);
    return failed;
}

// Before anything of the image is in force: no packet has been counted for these yet.
Result<void> Applier::reset_new_rules(const policy::Image& image) {
    for (const auto number : image.new_rules)
        if (auto reset = writer_->write(ResetRule{number}); !reset)
            return wrap(std::move(reset).error(), "set a rule's counters to zero");
    return {};
}

Result<ApplyReport> Applier::apply(const policy::Image& image, const std::vector<LocalEndpoint>& endpoints,
                                   const NodeSettings& settings, const policy::ImageDelta* delta) {
    auto planned = plan(image, endpoints, settings, delta);
    // A change that is refused before the first write leaves the kernel in step with the image before.
    in_step_ = in_step_ && !planned;
    auto done = planned ? reset_new_rules(image) : std::unexpected(planned.error());
    if (done) done = execute(*planned);
    if (!done) {
        ++counts_.failed;
        return wrap(std::move(done).error(), "apply the policy to the kernel");
    }
    ApplyReport report;
    report.unfinished = clean_up(*planned);
    in_step_ = !report.unfinished;
    report.writes = planned->before.size() + planned->after.size() + planned->removals.size() +
                    (planned->commit ? 1 : 0) + (planned->end ? 1 : 0);
    report.flipped = planned->flips;
    report.generation = state_.control.generation;
    report.epoch = state_.control.epoch & 1;
    ++counts_.applied;
    counts_.writes += report.writes;
    return report;
}

std::optional<std::uint64_t> Applier::untidy() const {
    return untidy_ ? std::optional(changes_) : std::nullopt;
}

Result<void> Applier::collect() {
    if (!untidy_) return {};
    WEFT_CHECK(grace_period());
    return collect(changes_);
}

Result<void> Applier::collect(std::uint64_t since) {
    if (!untidy_ || since != changes_) return {};
    state_.grace_passed();
    flipped_ = false;
    auto writes = unreachable_rows(state_);
    const auto merges = merged_classes(state_, classes_);
    writes.insert(writes.end(), merges.begin(), merges.end());
    for (const auto& one : writes) {
        WEFT_CHECK(write(one));
        ++counts_.collected;
    }
    forget_merged();
    for (const auto& run : state_.forget_unnamed_port_rows())
        if (sets_ != nullptr) sets_->free(run);
    for (const auto& one : unreachable_names(state_)) {
        WEFT_CHECK(write(one));
        ++counts_.collected;
    }
    untidy_ = !merges.empty();  // their old classes can be freed after the next grace period
    return {};
}

void Applier::forget_merged() {
    std::vector<std::uint32_t> merged;
    for (const auto image_class : classes_.split_or_unknown())
        std::ranges::copy_if(classes_.kernels_of(image_class), std::back_inserter(merged),
                             [&](std::uint32_t number) { return state_.carried(number) == 0; });
    for (const auto number : merged) classes_.forget(number);
}

ApplierCounts Applier::counts() const {
    auto counts = counts_;
    counts.rows_addresses = state_.addresses.size();
    counts.rows_cidrs = state_.cidrs.size();
    counts.rows_policies = state_.policies.size();
    counts.rows_policy_classes = state_.policy_classes.size();
    for (const auto& [run, holders] : state_.run_holders) counts.rows_ports += run.count;
    return counts;
}

}  // namespace weft::maps
