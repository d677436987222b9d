// Replays ../shared/policy-cases (every case) against compile() + explain(): each cell of the three
// tables, both families. The folder's absence is a failure. tests/policy-cases/run replays any folder, in other ways
// too.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/unit/policy/case_explain_judge.hpp"

namespace weft::policy::test {
namespace {

TEST(PolicyCases, EveryCellOfEveryCase) {
    const auto root = cases_folder(WEFT_SOURCE_DIR);
    ASSERT_TRUE(std::filesystem::is_directory(root))
        << root << " is not there: set WEFT_POLICY_CASES to the folder of policy cases";
    ExplainJudge judge;
    CaseCounts counts;
    for (const auto* folder :
         {"cases", "recipes", "extra", "variants/two-node", "variants/ipv6", "cnp", "cnp-conformance"}) {
        const int before = counts.cases;
        const auto done = replay_all(root / folder, judge, counts, std::cout);
        ASSERT_TRUE(done) << folder << ": " << done.error().text();
        EXPECT_GT(counts.cases, before) << folder << " holds no case";
    }
    std::cout << counts.text() << "\n";
    EXPECT_EQ(counts.differences, 0);
    EXPECT_TRUE(counts.unsupported.empty());
}

}  // namespace
}  // namespace weft::policy::test
