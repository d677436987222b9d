// Replays policy cases (policy-cases/README.md) against any way of judging: for each step the world is applied, then
// every cell of the three tables is compared with the way's verdict. Pods have an address of each family
// (case_world.hpp): a cell is judged in both, but only in the world's own while a policy with an ipBlock is in force.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/unit/policy/case_world.hpp"

namespace weft::policy::test {

struct Probe {
    std::string source, destination;  // keys of the pods
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    std::size_t address = 0;  // which of the pods' addresses: 0 is of the world's own family
};

struct CaseVerdict {
    bool combined = false;
    // Absent: this way cannot tell that direction apart (a packet that its sender's policy stops never meets the
    // other).
    std::optional<bool> egress, ingress;
    // Not empty: no verdict can be trusted, and this says why. A difference, whatever was expected.
    std::string fault = {};
};

class CaseJudge {
  public:
    virtual ~CaseJudge() = default;
    virtual Result<void> apply(const CaseWorld& world) = 0;
    // Of the world that was applied last; a verdict for each probe, in order.
    virtual Result<std::vector<CaseVerdict>> judge(const CaseWorld& world, std::span<const Probe> probes) = 0;
};

struct CaseCounts {
    int cases = 0, steps = 0, cells = 0, not_judged = 0, differences = 0, differing_cases = 0;
    std::map<std::string, int> unsupported;  // cases that were passed over, by what they need
    int unsupported_cases() const;
    std::string text() const;
};

// The folder of all cases: WEFT_POLICY_CASES, else <source>/../shared/policy-cases.
std::filesystem::path cases_folder(const std::string& source_folder);
// The folders with cases, or a single case's file, under `path`, each with its files; sorted. Worlds and the
// conformance suite's base are no cases. Errors: kNotFound, kInvalid for a file that is not JSON.
Result<std::map<std::filesystem::path, std::vector<std::filesystem::path>>> find_cases(
    const std::filesystem::path& path);
enum class Tell { kFirstCell, kEveryCell };  // of the cells that differ in a case

// Adds to `counts`; writes what differs to `out`. Errors: a file or an action that cannot be read, a
// world that the way refuses.
Result<void> replay_case(const std::filesystem::path& file, CaseJudge& judge, CaseCounts& counts, std::ostream& out,
                         Tell tell = Tell::kFirstCell);
// Every case under `path`, and a line for each folder.
Result<void> replay_all(const std::filesystem::path& path, CaseJudge& judge, CaseCounts& counts, std::ostream& out,
                        Tell tell = Tell::kFirstCell);

}  // namespace weft::policy::test
