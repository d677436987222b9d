#include "tests/unit/policy/case_replay.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <ostream>
#include <sstream>
#include <utility>

namespace weft::policy::test {

namespace fs = std::filesystem;

namespace {

Result<Json> load(const fs::path& path) {
    std::ifstream in(path);
    if (!in) return fail(ErrorCode::kNotFound, "{} cannot be read", path.string());
    std::stringstream text;
    text << in.rdbuf();
    return parse_json(text.str());
}

std::uint8_t protocol_number(const std::string& text) {
    return text == "TCP" ? kTcp : text == "UDP" ? kUdp : kSctp;
}

class Replay {
  public:
    Replay(const Json& test_case, CaseWorld world, CaseJudge& judge, CaseCounts& counts, std::ostream& out)
        : case_(test_case), world_(std::move(world)), judge_(judge), counts_(counts), out_(out) {}

    Result<void> run() {
        ++counts_.cases;
        int step = 0;
        for (const auto& at : case_.at("steps")) {
            where_ = fmt::format("{} step {}", case_.at("id").get<std::string>(), step++);
            ++counts_.steps;
            for (const auto& action : at.at("actions")) WEFT_CHECK(world_.act(action));
            WEFT_CHECK(judge_.apply(world_.world()));
            WEFT_CHECK(compare(at.at("expect")));
        }
        return {};
    }

  private:
    // The cells of one row of the table, split at blanks.
    static std::vector<std::string> row(const Json& expect, const char* table, const std::string& source) {
        std::istringstream text(expect.at(table).at(source).get<std::string>());
        return {std::istream_iterator<std::string>(text), {}};
    }

    Result<void> compare(const Json& expect) {
        const auto& pods = expect.at("pods");
        const std::size_t ports = expect.contains("ports") ? expect.at("ports").size() : 1;
        for (const auto& source : pods) {
            const std::array rows = {row(expect, "combined", source), row(expect, "egress", source),
                                     row(expect, "ingress", source)};
            for (std::size_t column = 0; column < pods.size(); ++column) {
                for (const auto& cells : rows)
                    if (cells.size() != pods.size() || cells[column].size() != ports)
                        return fail(ErrorCode::kInvalid, "{}: a row of another length", where_);
                for (std::size_t i = 0; i < ports; ++i)
                    WEFT_CHECK(cell(expect, i, source, pods[column],
                                    {rows[0][column][i], rows[1][column][i], rows[2][column][i]}));
            }
        }
        return {};
    }

    static bool judged(char wanted) { return wanted == '.' || wanted == 'X' || wanted == '#'; }

    Result<void> cell(const Json& expect, std::size_t index, const std::string& source, const std::string& destination,
                      const std::array<char, 3>& wanted) {
        if (std::ranges::none_of(wanted, judged)) {
            counts_.not_judged += 3;
            return {};
        }
        WEFT_TRY(probe, probe_of(expect, index, source, destination));
        WEFT_TRY(verdict, judge_.judge(world_.world(), probe));
        note(probe, "combined", wanted[0], verdict.combined);
        note(probe, "egress", wanted[1], verdict.egress);
        note(probe, "ingress", wanted[2], verdict.ingress);
        return {};
    }

    void note(const Probe& probe, const char* table, char wanted, std::optional<bool> got) {
        if (!judged(wanted) || !got) {
            ++counts_.not_judged;
            return;
        }
        ++counts_.cells;
        if (*got == (wanted != 'X')) return;
        ++counts_.differences;
        if (std::exchange(told_, true)) return;
        out_ << fmt::format("{} {}: {} -> {} protocol {} port {} expected '{}', got {}\n", where_, table, probe.source,
                            probe.destination, probe.protocol, probe.port, wanted, *got ? "allow" : "deny");
    }

    Result<Probe> probe_of(const Json& expect, std::size_t index, const std::string& source,
                           const std::string& destination) const {
        if (expect.contains("ports")) {
            const std::string text = expect.at("ports")[index];
            const auto slash = text.find('/');
            return Probe{source, destination, protocol_number(text.substr(0, slash)),
                         static_cast<std::uint16_t>(std::stoi(text.substr(slash + 1)))};
        }
        const std::string protocol = expect.at("probe").at("protocol");
        const Json& port = expect.at("probe").at("port");
        if (port.is_number()) return Probe{source, destination, protocol_number(protocol), port.get<std::uint16_t>()};
        for (const auto& served : world_.served(destination))
            if (served.name == port.get<std::string>() && served.protocol == protocol)
                return Probe{source, destination, protocol_number(protocol), static_cast<std::uint16_t>(served.port)};
        return fail(ErrorCode::kInvalid, "{}: {} has no port {}", where_, destination, to_line(port));
    }

    const Json& case_;
    CaseWorld world_;
    CaseJudge& judge_;
    CaseCounts& counts_;
    std::ostream& out_;
    std::string where_;
    bool told_ = false;  // this case's first difference
};

}  // namespace

fs::path cases_folder(const std::string& source_folder) {
    const char* given = std::getenv("WEFT_POLICY_CASES");
    return given != nullptr ? fs::path(given) : fs::path(source_folder) / ".." / "shared" / "policy-cases";
}

Result<void> replay_folder(const fs::path& folder, CaseJudge& judge, CaseCounts& counts, std::ostream& out) {
    std::error_code failed;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, failed)) files.push_back(entry.path());
    if (failed) return fail(ErrorCode::kNotFound, "{}: {}", folder.string(), failed.message());
    std::ranges::sort(files);
    for (const auto& file : files) {
        WEFT_TRY(test_case, load(file));
        if (!test_case.contains("steps")) continue;
        Json world = test_case.at("world");
        if (world.is_string()) {
            WEFT_TRY(loaded, load(folder / world.get<std::string>()));
            world = std::move(loaded);
        }
        WEFT_TRY(built, CaseWorld::of(world));
        WEFT_CHECK(Replay(test_case, std::move(built), judge, counts, out).run());
    }
    return {};
}

}  // namespace weft::policy::test
