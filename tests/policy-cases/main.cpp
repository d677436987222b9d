// policy_cases: replays folders of policy cases one of three ways. tests/policy-cases/run builds and calls it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>

#include "tests/bpf/policy_maps_judge.hpp"
#include "tests/policy-cases/sockets_judge.hpp"
#include "tests/unit/policy/case_explain_judge.hpp"

namespace weft::test {
namespace {

namespace fs = std::filesystem;
using policy::test::CaseCounts;
using policy::test::CaseJudge;

struct Options {
    std::string way = "explain";
    std::string name = "run";
    std::string programs = WEFT_BINARY_DIR;
    bool every_cell = false;
    std::vector<std::string> folders;
};

// A judge and what it needs for its life.
struct Way {
    std::unique_ptr<PolicyNode> node;
    std::unique_ptr<CaseJudge> judge;
};

Result<Way> way_of(const Options& options) {
    Way out;
    if (options.way == "explain") {
        out.judge = std::make_unique<policy::test::ExplainJudge>();
        return out;
    }
    if (geteuid() != 0) return fail(ErrorCode::kPermission, "--way {} needs root", options.way);
    if (options.way == "maps") {
        out.node = std::make_unique<PolicyNode>("policy-cases-" + options.name);
        out.judge = std::make_unique<MapsJudge>(*out.node);
        return out;
    }
    WEFT_TRY(judge, SocketsJudge::start({.name = "wt-cases-" + options.name, .programs = options.programs}));
    out.judge = std::move(judge);
    return out;
}

// Exit code: 0 when every cell that was asked for agrees.
Result<int> replay(const Options& options) {
    const auto start = std::chrono::steady_clock::now();
    WEFT_TRY(way, way_of(options));
    CaseCounts counts;
    const auto tell = options.every_cell ? policy::test::Tell::kEveryCell : policy::test::Tell::kFirstCell;
    const bool asked = !options.folders.empty();
    std::vector<std::string> folders = options.folders;
    if (!asked) folders.push_back(policy::test::cases_folder(WEFT_SOURCE_DIR).lexically_normal().string());
    for (const auto& folder : folders) {
        const int before = counts.cases;
        const auto unsupported = counts.unsupported;
        WEFT_CHECK(policy::test::replay_all(folder, *way.judge, counts, std::cout, tell));
        if (counts.cases == before && counts.unsupported == unsupported)
            return fail(ErrorCode::kNotFound, "{} holds no case", folder);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::cout << fmt::format("way {}: {}; {:.1f} s\n", options.way, counts.text(), took.count());
    return counts.differences > 0 || (asked && !counts.unsupported.empty()) ? 1 : 0;
}

int run(int argc, char** argv) {
    Options options;
    CLI::App app(
        "Replays network policy cases (the format is that of policy-cases/README.md) and compares every cell of their "
        "tables.");
    app.footer(
        "The exit code is 0 when every cell agrees, 1 on a difference, or when a case that was asked for by DIR "
        "needs what is\nnot supported yet; 2 when it could not be found out.");
    app.add_option("--way", options.way,
                   "explain: the policy engine alone\n"
                   "maps: the compiled maps, by test-run of the loaded programs (root)\n"
                   "sockets: pods wired by weft-cni to a running weftd, real sockets between them (root)")
        ->check(CLI::IsMember({"explain", "maps", "sockets"}))
        ->capture_default_str();
    app.add_flag("--every-cell", options.every_cell, "Print every cell that differs, not the first of each case");
    app.add_option("--name", options.name,
                   "Part of the names of namespaces and pins; runs beside each other need different ones")
        ->capture_default_str();
    app.add_option("--programs", options.programs, "Build folder with weftd and weft-cni, for --way sockets")
        ->capture_default_str();
    app.add_option("DIR", options.folders,
                   "Folders, searched with all below them, or single cases (default: $WEFT_POLICY_CASES, else "
                   "../shared/policy-cases; "
                   "what is not supported yet is then counted and passed over)");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    const auto code = replay(options);
    if (code) return *code;
    std::cerr << "policy_cases: " << code.error().text() << "\n";
    return 2;
}

}  // namespace
}  // namespace weft::test

int main(int argc, char** argv) {
    return weft::test::run(argc, argv);
}
