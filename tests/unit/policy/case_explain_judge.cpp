#include "tests/unit/policy/case_explain_judge.hpp"

#include "policy/explain.hpp"

namespace weft::policy::test {

Result<void> ExplainJudge::apply(const CaseWorld& world) {
    WEFT_TRY(image, compile(world.world(), numbers_));
    image_ = std::move(image);
    numbers_.forget_unused();
    return {};
}

Result<std::vector<CaseVerdict>> ExplainJudge::judge(const CaseWorld& world, std::span<const Probe> probes) {
    std::vector<CaseVerdict> out;
    const auto& pods = world.world().pods;
    for (const auto& probe : probes) {
        WEFT_TRY(said, explain(image_, pods.at(probe.source)->addresses.at(probe.address),
                               pods.at(probe.destination)->addresses.at(probe.address), probe.protocol, probe.port));
        out.push_back({said.allow, !said.egress || said.egress->allow, !said.ingress || said.ingress->allow});
    }
    return out;
}

}  // namespace weft::policy::test
