// Whole runs of `weft` in this process: arguments in, output and exit code out, in a folder of the test's own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/context.hpp"

namespace weft::cli::test {

struct CliRun : testing::Test {
    std::filesystem::path dir =
        std::filesystem::temp_directory_path() /
        fmt::format("wt-cli-{}-{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
    std::map<std::string, std::string> env;
    std::istringstream in;
    std::ostringstream out, err;

    void SetUp() override {
        std::filesystem::remove_all(dir);
        std::filesystem::create_directories(dir);
        env["WEFT_RUN_DIR"] = dir;
    }
    void TearDown() override { std::filesystem::remove_all(dir); }

    int weft(const std::vector<std::string>& arguments) {
        out.str("");
        err.str("");
        const auto lookup = [this](const char* name) -> std::optional<std::string> {
            const auto found = env.find(name);
            return found == env.end() ? std::nullopt : std::optional(found->second);
        };
        return run(arguments, {lookup, in, out, err});
    }
    std::string socket() const { return dir / "weftd.sock"; }
    std::string file(const std::string& name, const std::string& text) const {
        std::ofstream(dir / name) << text;
        return dir / name;
    }
};

}  // namespace weft::cli::test
