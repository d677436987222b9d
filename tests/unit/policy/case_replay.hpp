// Replays a folder of policy cases (policy-cases/README.md) against any way of judging: for each step the world is
// applied, then every cell of the three tables is compared with the way's verdict.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>

#include "tests/unit/policy/case_world.hpp"

namespace weft::policy::test {

struct Probe {
    std::string source, destination;  // keys of the pods
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
};

// Absent: this way cannot tell that direction apart (a packet that its sender's policy stops never meets the other).
struct CaseVerdict {
    bool combined = false;
    std::optional<bool> egress, ingress;
};

class CaseJudge {
  public:
    virtual ~CaseJudge() = default;
    virtual Result<void> apply(const World& world) = 0;
    virtual Result<CaseVerdict> judge(const World& world, const Probe& probe) = 0;
};

struct CaseCounts {
    int cases = 0, steps = 0, cells = 0, not_judged = 0, differences = 0;
};

// The folder of all cases: WEFT_POLICY_CASES, else <source>/../shared/policy-cases.
std::filesystem::path cases_folder(const std::string& source_folder);
// Adds to `counts`; writes the first cell of each case that differs to `out`. Errors: a file or an action that cannot
// be read, a world that the way refuses.
Result<void> replay_folder(const std::filesystem::path& folder, CaseJudge& judge, CaseCounts& counts,
                           std::ostream& out);

}  // namespace weft::policy::test
