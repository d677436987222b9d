#include "tests/unit/policy/case_replay.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <ostream>
#include <sstream>
#include <utility>

#include "tests/unit/policy/case_conformance.hpp"
#include "tests/unit/policy/case_expect.hpp"

namespace weft::policy::test {

namespace fs = std::filesystem;

namespace {

Result<Json> load(const fs::path& path) {
    std::ifstream in(path);
    if (!in) return fail(ErrorCode::kNotFound, "{} cannot be read", path.string());
    std::stringstream text;
    text << in.rdbuf();
    auto value = parse_json(text.str());
    if (!value) return wrap(value.error(), path.string());
    return value;
}

// Empty, or what the case needs that is not there yet.
std::string unsupported(const Json& test_case) {
    for (const auto& step : test_case.at("steps"))
        for (const auto& action : step.at("actions"))
            if (const auto& verb = action.begin().key(); !CaseWorld::knows(verb)) return verb;
    return "";
}

bool is_case(const Json& document) {
    return document.is_object() && (document.contains("steps") || document.contains("subtests"));
}

// The same case in the older kinds: they stand beside it under "v1alpha1". Nothing when there are none, or when they
// use what was taken out of that API later (sameLabels, notSameLabels).
std::optional<Json> as_v1alpha1(const Json& test_case) {
    if (!test_case.contains("v1alpha1") || to_line(test_case.at("v1alpha1")).find("ameLabels") != std::string::npos)
        return std::nullopt;
    Json out = test_case;
    out["id"] = test_case.at("id").get<std::string>() + " (v1alpha1)";
    const auto& older = test_case.at("v1alpha1");
    Json actions = Json::array();
    for (const auto& action : test_case.at("steps").at(0).at("actions"))
        if (!action.contains("createClusterNetworkPolicy")) actions.push_back(action);
    for (const auto& policy : older.value("adminNetworkPolicies", Json::array()))
        actions.push_back({{"createObject", policy}});
    if (older.contains("baselineAdminNetworkPolicy"))
        actions.push_back({{"createObject", older.at("baselineAdminNetworkPolicy")}});
    out["steps"].at(0)["actions"] = actions;
    return out;
}

class Replay {
  public:
    Replay(const Json& test_case, CaseWorld world, CaseJudge& judge, CaseCounts& counts, std::ostream& out, Tell tell)
        : case_(test_case), world_(std::move(world)), judge_(judge), counts_(counts), out_(out), tell_(tell) {}

    Result<void> run() {
        ++counts_.cases;
        int step = 0;
        for (const auto& at : case_.at("steps")) {
            where_ = fmt::format("{} step {}", case_.at("id").get<std::string>(), step++);
            ++counts_.steps;
            if (auto done = run_step(at); !done) return wrap(done.error(), where_);
        }
        return {};
    }

  private:
    Result<void> run_step(const Json& step) {
        for (const auto& action : step.at("actions")) WEFT_CHECK(world_.act(action));
        WEFT_CHECK(judge_.apply(world_));
        WEFT_TRY(cells, expected_cells(step.at("expect"), world_));
        std::vector<Probe> probes;
        for (const auto& cell : cells) {
            if (cell.probe)
                probes.push_back(*cell.probe);
            else
                counts_.not_judged += 3;
        }
        WEFT_TRY(verdicts, judge_.judge(world_, probes));
        if (verdicts.size() != probes.size()) return fail(ErrorCode::kInternal, "not a verdict for each probe");
        auto verdict = verdicts.begin();
        for (const auto& cell : cells)
            if (cell.probe) compare(cell, *verdict++);
        return {};
    }

    void compare(const Cell& cell, const CaseVerdict& verdict) {
        if (!verdict.fault.empty()) return differ(*cell.probe, "combined", verdict.fault);
        note(*cell.probe, "combined", cell.combined, verdict.combined);
        note(*cell.probe, "egress", cell.egress, verdict.egress);
        note(*cell.probe, "ingress", cell.ingress, verdict.ingress);
    }

    void note(const Probe& probe, const char* table, char wanted, std::optional<bool> got) {
        if (!is_judged(wanted) || !got) {
            ++counts_.not_judged;
            return;
        }
        ++counts_.cells;
        if (*got == (wanted != 'X')) return;
        differ(probe, table, fmt::format("expected '{}', got {}", wanted, *got ? "allow" : "deny"));
    }

    void differ(const Probe& probe, const char* table, const std::string& what) {
        ++counts_.differences;
        const bool first = !std::exchange(told_, true);
        if (first) ++counts_.differing_cases;
        if (!first && tell_ == Tell::kFirstCell) return;
        const auto address = [&](const std::string& key) {
            return world_.world().pods.at(key)->addresses.at(probe.address).text();
        };
        out_ << fmt::format("{} {}: {} ({}) -> {} ({}) {}/{}: {}\n", where_, table, probe.source, address(probe.source),
                            probe.destination, address(probe.destination), protocol_name(probe.protocol), probe.port,
                            what);
    }

    const Json& case_;
    CaseWorld world_;
    CaseJudge& judge_;
    CaseCounts& counts_;
    std::ostream& out_;
    Tell tell_;
    std::string where_;
    bool told_ = false;  // this case's first difference
};

}  // namespace

int CaseCounts::unsupported_cases() const {
    int out = 0;
    for (const auto& [what, count] : unsupported) out += count;
    return out;
}

std::string CaseCounts::text() const {
    auto out = fmt::format("{} cases, {} steps, {} cells (not judged {}), {} differences in {} cases", cases, steps,
                           cells, not_judged, differences, differing_cases);
    for (const auto& [what, count] : unsupported) out += fmt::format("; not supported yet: {} with {}", count, what);
    return out;
}

fs::path cases_folder(const std::string& source_folder) {
    const char* given = std::getenv("WEFT_POLICY_CASES");
    return given != nullptr ? fs::path(given) : fs::path(source_folder) / ".." / "shared" / "policy-cases";
}

Result<std::map<fs::path, std::vector<fs::path>>> find_cases(const fs::path& path) {
    std::error_code failed;
    std::vector<fs::path> files;
    if (fs::is_regular_file(path, failed)) {
        files.push_back(path);
    } else {
        for (const auto& entry : fs::recursive_directory_iterator(path, failed))
            if (entry.path().extension() == ".json") files.push_back(entry.path());
        if (failed) return fail(ErrorCode::kNotFound, "{}: {}", path.string(), failed.message());
    }
    std::ranges::sort(files);
    std::map<fs::path, std::vector<fs::path>> out;
    for (const auto& file : files) {
        WEFT_TRY(document, load(file));
        if (is_case(document)) out[file.parent_path()].push_back(file);
    }
    return out;
}

Result<void> replay_case(const fs::path& file, CaseJudge& judge, CaseCounts& counts, std::ostream& out, Tell tell) {
    WEFT_TRY(test_case, load(file));
    if (test_case.contains("subtests")) {
        WEFT_TRY(base, load(file.parent_path() / test_case.at("base").get<std::string>()));
        test_case = case_of_conformance(test_case, base);
    }
    if (const auto what = unsupported(test_case); !what.empty()) {
        ++counts.unsupported[what];
        return {};
    }
    Json world = test_case.at("world");
    if (world.is_string()) {
        WEFT_TRY(loaded, load(file.parent_path() / world.get<std::string>()));
        world = std::move(loaded);
    }
    for (const auto& one : {std::optional(test_case), as_v1alpha1(test_case)}) {
        if (!one) continue;
        WEFT_TRY(built, CaseWorld::of(world));
        WEFT_CHECK(Replay(*one, std::move(built), judge, counts, out, tell).run());
    }
    return {};
}

Result<void> replay_all(const fs::path& path, CaseJudge& judge, CaseCounts& counts, std::ostream& out, Tell tell) {
    WEFT_TRY(folders, find_cases(path));
    for (const auto& [folder, files] : folders) {
        const CaseCounts before = counts;
        for (const auto& file : files) WEFT_CHECK(replay_case(file, judge, counts, out, tell));
        out << fmt::format("{}: {} cases, {} cells, {} differences", fs::relative(folder, path.parent_path()).string(),
                           counts.cases - before.cases, counts.cells - before.cells,
                           counts.differences - before.differences);
        if (const auto rest = counts.unsupported_cases() - before.unsupported_cases(); rest > 0)
            out << fmt::format("; {} cases are not supported yet", rest);
        out << std::endl;
    }
    return {};
}

}  // namespace weft::policy::test
