// The way "maps": the compiled image in the kernel's maps, asked by single first packets through the loaded programs.
#pragma once

#include "policy/memory_numbers.hpp"
#include "tests/bpf/policy_node.hpp"
#include "tests/unit/policy/case_replay.hpp"

namespace weft::test {

class MapsJudge : public policy::test::CaseJudge {
  public:
    // `node` must outlive this.
    explicit MapsJudge(PolicyNode& node) : node_(node) {}
    Result<void> apply(const policy::test::CaseWorld& world) override;
    Result<std::vector<policy::test::CaseVerdict>> judge(const policy::test::CaseWorld& world,
                                                         std::span<const policy::test::Probe> probes) override;

  private:
    Result<policy::test::CaseVerdict> judge_one(const policy::World& world, const policy::test::Probe& probe);

    PolicyNode& node_;
    policy::MemoryNumbers numbers_;
};

}  // namespace weft::test
