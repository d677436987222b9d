#include "tests/bpf/policy_maps_judge.hpp"

namespace weft::test {

using policy::test::CaseVerdict;
using policy::test::Probe;

Result<void> MapsJudge::apply(const policy::test::CaseWorld& world) {
    WEFT_TRY(image, policy::compile(world.world(), numbers_));
    WEFT_CHECK(node_.apply(image));
    numbers_.forget_unused();
    return {};
}

Result<CaseVerdict> MapsJudge::judge_one(const policy::World& world, const Probe& probe) {
    const auto& source = *world.pods.at(probe.source);
    const auto& destination = *world.pods.at(probe.destination);
    WEFT_TRY(got, node_.send({.endpoint = source.endpoint}, {.endpoint = destination.endpoint},
                             source.addresses.at(probe.address), destination.addresses.at(probe.address),
                             probe.protocol, probe.port));
    if (got.allowed()) return CaseVerdict{true, true, true};
    if (got.event.reason != WEFT_DROP_POLICY_DENIED && got.event.reason != WEFT_DROP_POLICY_DENY)
        return fail(ErrorCode::kInternal, "{} -> {}: dropped for reason {}", probe.source, probe.destination,
                    got.event.reason);
    if (got.event.direction == WEFT_EGRESS) return CaseVerdict{false, false, std::nullopt};
    return CaseVerdict{false, true, false};
}

Result<std::vector<CaseVerdict>> MapsJudge::judge(const policy::test::CaseWorld& world, std::span<const Probe> probes) {
    std::vector<CaseVerdict> out;
    for (const auto& probe : probes) {
        WEFT_TRY(verdict, judge_one(world.world(), probe));
        out.push_back(std::move(verdict));
    }
    return out;
}

}  // namespace weft::test
