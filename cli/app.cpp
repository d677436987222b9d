#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <filesystem>

#include "cli/program.hpp"
#include "cli/table.hpp"
#include "datapath/abi/names.h"

namespace weft::cli {

namespace {

struct Settings {
    std::string socket, run_dir, hubble, output = "table";
};

constexpr const char* kFooter =
    "Environment: WEFT_RUN_DIR as --run-dir, WEFT_HUBBLE as --hubble.\n"
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the daemon does not answer,\n"
    "            4 'weft explain': the traffic would be denied.";

void add_settings(CLI::App& app, Settings& settings, const Io& io) {
    settings.run_dir = io.env("WEFT_RUN_DIR").value_or(WEFT_DEFAULT_RUN_DIR);
    settings.hubble = io.env("WEFT_HUBBLE").value_or("http://127.0.0.1:4245");
    app.add_option("--run-dir", settings.run_dir, "Run directory of weftd")->capture_default_str();
    app.add_option("--socket", settings.socket,
                   "API socket of weftd (default: " WEFT_SOCKET_NAME " in the run directory)");
    app.add_option("--hubble", settings.hubble, "Address of hubble-lite")->capture_default_str();
    app.add_option("-o,--output", settings.output, "table, for people, or json, for programs")
        ->check(CLI::IsMember({"table", "json"}))
        ->capture_default_str();
}

void add_commands(Program& program) {
    for (const auto add : {&add_status, &add_endpoint, &add_policy, &add_identity, &add_rule, &add_observe,
                           &add_explain, &add_map, &add_version, &add_completion})
        add(program);
}

// The JSON library throws when a daemon's answer has other types than its API says.
Result<int> act(const Program& program, Context& context) {
    try {
        return program.action(context);
    } catch (const Json::exception& error) {
        return fail(ErrorCode::kInvalid, "the daemon's answer is not as expected (is it of another version?): {}",
                    error.what());
    }
}

int report(const Error& error, const Context& context) {
    context.io.err << "weft: " << error.text() << '\n';
    return context.unreachable ? kUnreachable : kFailed;
}

}  // namespace

int run(const std::vector<std::string>& arguments, Io io) {
    CLI::App app("weft: status, policies, flows and maps of this node's pod network", "weft");
    app.require_subcommand(1);
    app.fallthrough();
    app.footer(kFooter);
    app.set_version_flag("--version", "weft " WEFT_VERSION);
    Settings settings;
    add_settings(app, settings, io);
    Program program{app, {}};
    add_commands(program);
    try {
        auto reversed = arguments;  // CLI11 takes them last first
        std::ranges::reverse(reversed);
        app.parse(reversed);
    } catch (const CLI::RequiredError& error) {
        const auto strange = app.remaining(true);
        if (strange.empty()) return app.exit(error, io.out, io.err) == 0 ? kOk : kUsage;
        io.err << "weft: there is no command '" << printable(strange.front()) << "'; `weft --help` lists them\n";
        return kUsage;
    } catch (const CLI::ParseError& error) {
        return app.exit(error, io.out, io.err) == 0 ? kOk : kUsage;
    }
    if (settings.socket.empty()) settings.socket = std::filesystem::path(settings.run_dir) / WEFT_SOCKET_NAME;
    Context context{io, settings.socket, settings.hubble, settings.output == "json"};
    const auto code = act(program, context);
    io.out.flush();
    return code ? *code : report(code.error(), context);
}

}  // namespace weft::cli
