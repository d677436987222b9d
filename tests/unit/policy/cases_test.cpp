// Replays ../shared/policy-cases (every NetworkPolicy case) against compile() + explain(): each cell of the three
// tables. The folder: WEFT_POLICY_CASES, else <source>/../shared/policy-cases. Its absence is a failure.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "policy/explain.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/case_world.hpp"

namespace weft::policy::test {
namespace {

namespace fs = std::filesystem;

fs::path cases_folder() {
    const char* given = std::getenv("WEFT_POLICY_CASES");
    return given != nullptr ? fs::path(given) : fs::path(WEFT_SOURCE_DIR) / ".." / "shared" / "policy-cases";
}

Json load(const fs::path& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    auto json = parse_json(text.str());
    if (!json) ADD_FAILURE() << path << ": " << json.error().text();
    return json.value_or(Json());
}

struct Counts {
    int cases = 0, steps = 0, cells = 0, not_judged = 0, differences = 0;
};

constexpr std::string_view kTables[] = {"combined", "ingress", "egress"};

std::uint8_t protocol_number(const std::string& text) {
    return text == "TCP" ? kTcp : text == "UDP" ? kUdp : kSctp;
}

class Replay {
  public:
    Replay(const Json& test_case, CaseWorld world, Counts& counts)
        : case_(test_case), world_(std::move(world)), counts_(counts) {}

    void run() {
        ++counts_.cases;
        int step = 0;
        for (const auto& at : case_.at("steps")) {
            where_ = fmt::format("{} step {}", case_.at("id").get<std::string>(), step++);
            ++counts_.steps;
            for (const auto& action : at.at("actions")) {
                const auto done = world_.act(action);
                ASSERT_TRUE(done) << where_ << ": " << done.error().text();
            }
            auto image = compile(world_.world(), numbers_);
            ASSERT_TRUE(image) << where_ << ": " << image.error().text();
            numbers_.forget_unused();
            compare(at.at("expect"), *image);
        }
    }

  private:
    void compare(const Json& expect, const Image& image) {
        const auto& pods = expect.at("pods");
        for (const auto table : kTables) {
            for (const auto& source : pods) {
                std::istringstream cells(expect.at(table).at(source.get<std::string>()).get<std::string>());
                for (const auto& destination : pods) {
                    std::string cell;
                    ASSERT_TRUE(cells >> cell) << where_ << " " << source;
                    ASSERT_EQ(cell.size(), expect.contains("ports") ? expect.at("ports").size() : 1U) << where_;
                    for (std::size_t i = 0; i < cell.size(); ++i)
                        check(expect, i, table, source, destination, cell[i], image);
                }
            }
        }
    }

    void check(const Json& expect, std::size_t index, std::string_view table, const std::string& source,
               const std::string& destination, char wanted, const Image& image) {
        if (wanted != '.' && wanted != 'X' && wanted != '#') {
            ++counts_.not_judged;
            return;
        }
        std::string protocol;
        int port = 0;
        if (expect.contains("ports")) {
            const std::string text = expect.at("ports")[index];
            protocol = text.substr(0, text.find('/'));
            port = std::stoi(text.substr(text.find('/') + 1));
        } else {
            protocol = expect.at("probe").at("protocol");
            port = port_of(expect.at("probe").at("port"), protocol, destination);
        }
        const auto verdict =
            explain(image, world_.pod(source)->addresses.at(0), world_.pod(destination)->addresses.at(0),
                    protocol_number(protocol), static_cast<std::uint16_t>(port));
        ASSERT_TRUE(verdict) << where_ << ": " << verdict.error().text();
        ++counts_.cells;
        const bool got = table == "combined"  ? verdict->allow
                         : table == "ingress" ? !verdict->ingress || verdict->ingress->allow
                                              : !verdict->egress || verdict->egress->allow;
        if (got == (wanted != 'X')) return;
        if (++counts_.differences <= 20)
            ADD_FAILURE() << where_ << " " << table << ": " << source << " -> " << destination << " " << protocol << "/"
                          << port << " expected '" << wanted << "', got " << (got ? "allow" : "deny");
    }

    int port_of(const Json& port, const std::string& protocol, const std::string& destination) const {
        if (port.is_number()) return port.get<int>();
        for (const auto& served : world_.served(destination))
            if (served.name == port.get<std::string>() && served.protocol == protocol) return served.port;
        ADD_FAILURE() << where_ << ": " << destination << " has no port " << port;
        return 0;
    }

    const Json& case_;
    CaseWorld world_;
    Counts& counts_;
    MemoryNumbers numbers_;
    std::string where_;
};

void replay_folder(const fs::path& folder, Counts& counts) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files) {
        const Json test_case = load(file);
        if (!test_case.contains("steps")) continue;
        const Json world = test_case.at("world").is_string() ? load(folder / test_case.at("world").get<std::string>())
                                                             : test_case.at("world");
        auto built = CaseWorld::of(world);
        ASSERT_TRUE(built) << file << ": " << built.error().text();
        Replay(test_case, std::move(*built), counts).run();
    }
}

TEST(PolicyCases, EveryCellOfEveryNetworkPolicyCase) {
    const auto root = cases_folder();
    ASSERT_TRUE(fs::is_directory(root)) << root << " is not there: set WEFT_POLICY_CASES to the folder of policy cases";
    Counts counts;
    for (const auto* folder :
         {"cases", "recipes/cases", "extra/cases", "variants/two-node/cases", "variants/ipv6/cases"}) {
        ASSERT_TRUE(fs::is_directory(root / folder)) << folder;
        const Counts before = counts;
        replay_folder(root / folder, counts);
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
