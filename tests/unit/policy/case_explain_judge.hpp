// The way "explain": the policy engine alone, compile() and explain().
#pragma once

#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/case_replay.hpp"

namespace weft::policy::test {

class ExplainJudge : public CaseJudge {
  public:
    Result<void> apply(const CaseWorld& world) override;
    Result<std::vector<CaseVerdict>> judge(const CaseWorld& world, std::span<const Probe> probes) override;

  private:
    MemoryNumbers numbers_;
    Image image_;
};

}  // namespace weft::policy::test
