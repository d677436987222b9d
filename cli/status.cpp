#include "cli/client.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"

namespace weft::cli {

namespace {

void print_line(std::ostream& out, std::string_view name, const std::string& value) {
    out << fmt::format("{:<12}{}\n", name, printable(value));
}

// The daemon counts up to 2^64 - 1; an IPv6 range has more.
std::string free_text(const Json& pool) {
    const auto free = pool.value("free", std::uint64_t{0});
    return free > 1'000'000'000 ? "more than 10^9" : fmt::to_string(free);
}

void print_ipam(std::ostream& out, const Json& status) {
    if (!status.contains("ipam") || !status["ipam"].is_array()) return;
    for (const auto& pool : status["ipam"])
        print_line(out, "Addresses",
                   fmt::format("{}: {} used, {} cooling down, {} free", text(pool, "range"), text(pool, "used"),
                               text(pool, "cooling"), free_text(pool)));
}

// Whether every source of objects is fine.
bool print_sources(std::ostream& out, const Json& status) {
    bool fine = true;
    if (!status.contains("sources") || !status["sources"].is_array()) return fine;
    for (const auto& source : status["sources"]) {
        const bool failed = source.contains("error") && source["error"].is_object();
        print_line(
            out, "Objects",
            fmt::format("{}: {}{}", text(source, "name"), text(source, "objects"),
                        failed ? "; ERROR " + text(source, "error.path") + ": " + text(source, "error.message") : ""));
        fine = fine && !failed;
    }
    return fine;
}

void print_status(std::ostream& out, const Json& status) {
    print_line(out, "Node",
               fmt::format("{}, weftd {}, up {} s, {}", text(status, "node"), text(status, "version"),
                           text(status, "uptime_seconds"), bytes_text(status.value("memory_kib", 0.0) * 1024)));
    print_line(
        out, "Datapath",
        fmt::format("uplink {} (by {}), MTU {}, pinned under {}", text(status, "datapath.uplink"),
                    text(status, "datapath.mode"), text(status, "datapath.mtu"), text(status, "datapath.bpf_dir")));
    print_line(out, "Flows",
               fmt::format("{} IPv4 and {} IPv6 entries; {} aged out", text(status, "datapath.flows.ipv4"),
                           text(status, "datapath.flows.ipv6"), text(status, "datapath.flows.aged")));
    print_ipam(out, status);
    print_line(out, "Pods", fmt::format("{} of {} identities", text(status, "endpoints"), text(status, "identities")));
    print_line(out, "Policies",
               fmt::format("{} in force at revision {}, generation {}", text(status, "policies"),
                           text(status, "revision"), text(status, "datapath.generation")));
    print_line(out, "Changes",
               fmt::format("{} applied, {} failed, {} map rows written; last: compiled in {} us, written in {} us",
                           text(status, "apply.applies"), text(status, "apply.failures"), text(status, "apply.writes"),
                           text(status, "apply.compile_us"), text(status, "apply.apply_us")));
    if (const auto error = text(status, "apply.last_error"); error != "-") print_line(out, "Last error", error);
}

Result<int> status(Context& context) {
    WEFT_TRY(status, get(context, "/v1/status"));
    if (context.json) {
        context.io.out << to_line(status) << '\n';
        return kOk;
    }
    if (!status.is_object()) return fail(ErrorCode::kInvalid, "weftd's status is no object");
    print_status(context.io.out, status);
    print_sources(context.io.out, status);
    return kOk;
}

}  // namespace

void add_status(Program& program) {
    auto* command = program.app.add_subcommand("status", "State of the node's daemon and datapath");
    command->callback([&program] { program.action = status; });
}

void add_version(Program& program) {
    auto* command = program.app.add_subcommand("version", "Versions of this command and of the daemon");
    command->callback([&program] {
        program.action = [](Context& context) -> Result<int> {
            const auto daemon = get(context, "/v1/status");
            const Json versions{{"weft", WEFT_VERSION},
                                {"weftd", daemon ? Json(text(*daemon, "version")) : Json(nullptr)}};
            if (context.json)
                context.io.out << to_line(versions) << '\n';
            else
                context.io.out << "weft   " WEFT_VERSION "\nweftd  "
                               << (daemon ? text(*daemon, "version") : "does not answer") << '\n';
            return kOk;
        };
    });
}

}  // namespace weft::cli
