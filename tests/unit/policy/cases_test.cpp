// Replays ../shared/policy-cases (every NetworkPolicy case) against compile() + explain(): each cell of the three
// tables. The folder's absence is a failure.
#include <gtest/gtest.h>

#include <iostream>

#include "policy/explain.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/case_replay.hpp"

namespace weft::policy::test {
namespace {

class ExplainJudge : public CaseJudge {
  public:
    Result<void> apply(const World& world) override {
        WEFT_TRY(image, compile(world, numbers_));
        image_ = std::move(image);
        numbers_.forget_unused();
        return {};
    }
    Result<CaseVerdict> judge(const World& world, const Probe& probe) override {
        WEFT_TRY(said, explain(image_, world.pods.at(probe.source)->addresses.at(0),
                               world.pods.at(probe.destination)->addresses.at(0), probe.protocol, probe.port));
        return CaseVerdict{said.allow, !said.egress || said.egress->allow, !said.ingress || said.ingress->allow};
    }

  private:
    MemoryNumbers numbers_;
    Image image_;
};

TEST(PolicyCases, EveryCellOfEveryNetworkPolicyCase) {
    const auto root = cases_folder(WEFT_SOURCE_DIR);
    ASSERT_TRUE(std::filesystem::is_directory(root))
        << root << " is not there: set WEFT_POLICY_CASES to the folder of policy cases";
    ExplainJudge judge;
    CaseCounts counts;
    for (const auto* folder :
         {"cases", "recipes/cases", "extra/cases", "variants/two-node/cases", "variants/ipv6/cases"}) {
        const CaseCounts before = counts;
        const auto done = replay_folder(root / folder, judge, counts, std::cout);
        ASSERT_TRUE(done) << folder << ": " << done.error().text();
        EXPECT_GT(counts.cases, before.cases) << folder << " holds no case";
        std::cout << folder << ": " << counts.cases - before.cases << " cases, " << counts.cells - before.cells
                  << " cells\n";
    }
    std::cout << "cases " << counts.cases << ", steps " << counts.steps << ", cells " << counts.cells << " (not judged "
              << counts.not_judged << "), differences " << counts.differences << "\n";
    EXPECT_EQ(counts.differences, 0);
}

}  // namespace
}  // namespace weft::policy::test
