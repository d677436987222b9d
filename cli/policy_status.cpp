// `weft policy status`: what became of the policies, and what their rules counted.
#include <algorithm>
#include <array>

#include "cli/client.hpp"
#include "cli/policy_commands.hpp"
#include "cli/table.hpp"

namespace weft::cli {

namespace {

struct Wanted {
    std::string name, space, kind;
};

bool is_wanted(const Json& status, const Wanted& wanted) {
    if (!wanted.kind.empty() && status.value("kind", "") != wanted.kind) return false;
    if (wanted.name.empty()) return wanted.space.empty() || status.value("namespace", "") == wanted.space;
    const auto slash = wanted.name.find('/');
    const auto name = slash == wanted.name.npos ? wanted.name : wanted.name.substr(slash + 1);
    if (status.value("name", "") != name) return false;
    const auto space = status.value("namespace", "");
    if (slash != wanted.name.npos) return space == wanted.name.substr(0, slash);
    return space.empty() || space == (wanted.space.empty() ? "default" : wanted.space);
}

std::string state_text(const Json& status) {
    if (status.value("accepted", false) && status.value("programmed", false))
        return fmt::format("{}, generation {}", text(status, "mode") == "audit" ? "in audit mode" : "in force",
                           text(status, "generation"));
    return fmt::format("{}: {}", status.value("accepted", false) ? "not in force" : "refused", text(status, "reason"));
}

// Over the policy's own rules, or over its denials by default, which other policies that isolate the same pods share.
std::string sum_text(const Json& status, const char* what, bool default_deny = false) {
    std::uint64_t sum = 0;
    for (const auto& rule : status.value("rules", Json::array()))
        if (rule.value("default_deny", false) == default_deny) sum += rule.value(what, std::uint64_t{0});
    return std::to_string(sum);
}

void print_list(std::ostream& out, const Json& statuses) {
    Table table(
        {"KIND", "NAMESPACE", "NAME", "SOURCE", "PODS", "PACKETS", "BYTES", "CONNECTIONS", "DEFAULT-DENIED", "STATE"});
    for (const auto& status : statuses)
        table.row({text(status, "kind"), text(status, "namespace"), text(status, "name"), text(status, "source"),
                   text(status, "endpoints"), sum_text(status, "packets"), sum_text(status, "bytes"),
                   sum_text(status, "connections"), sum_text(status, "packets", true), state_text(status)});
    table.print(out);
}

void print_one(std::ostream& out, const Json& status) {
    if (status.value("name", "").empty()) {
        out << printable(fmt::format("{} has a newer version, which was refused: {}", text(status, "source"),
                                     text(status, "reason")))
            << '\n';
        return;
    }
    out << printable(fmt::format("{}, from {}: {}", policy_text(status), text(status, "source"), state_text(status)))
        << '\n'
        << fmt::format("selects {} endpoints of this node, {} pods in all\n", text(status, "endpoints"),
                       text(status, "pods"));
    if (!status.contains("rules") || status["rules"].empty()) return;
    Table table({"RULE", "DIRECTION", "TIER", "PACKETS", "BYTES", "CONNECTIONS"});
    for (const auto& rule : status["rules"])
        table.row({rule.value("default_deny", false) ? "default deny" : text(rule, "path"), text(rule, "direction"),
                   text(rule, "tier"), text(rule, "packets"), text(rule, "bytes"), text(rule, "connections")});
    table.print(out);
}

// A file of the objects directory that could not be taken: what it held before is still in force.
bool is_refused_file(const Json& status) {
    return !status.value("accepted", false) && text(status, "name") == "-";
}

std::unexpected<Error> not_there(const Wanted& wanted, const Json& answer) {
    std::string refused;
    for (const auto& status : answer)
        if (is_refused_file(status))
            refused += fmt::format("\n  {} was refused: {}", text(status, "source"), text(status, "reason"));
    return fail(ErrorCode::kNotFound, "there is no policy {}{}", wanted.name, refused);
}

// What is wanted, each with the refusal of the file's newer version behind it.
Json chosen(const Json& answer, const Wanted& wanted) {
    Json out = Json::array();
    for (const auto& status : answer) {
        if (!is_wanted(status, wanted)) continue;
        out.push_back(status);
        if (wanted.name.empty()) continue;
        for (const auto& file : answer)
            if (is_refused_file(file) && text(file, "source") == text(status, "source")) out.push_back(file);
    }
    return out;
}

Result<int> show_status(Context& context, const Wanted& wanted) {
    WEFT_TRY(answer, get(context, "/v1/policies/status"));
    const auto statuses = chosen(answer, wanted);
    if (!wanted.name.empty() && statuses.empty()) return not_there(wanted, answer);
    if (context.json) {
        context.io.out << to_line(statuses) << '\n';
        return kOk;
    }
    if (wanted.name.empty())
        print_list(context.io.out, statuses);
    else
        for (const auto& status : statuses) print_one(context.io.out, status);
    return kOk;
}

}  // namespace

Result<Json> status_of(Context& context, const Json& name) {
    WEFT_TRY(answer, get(context, "/v1/policies/status"));
    for (auto& status : answer)
        if (std::ranges::all_of(std::array{"kind", "namespace", "name"},
                                [&](const char* field) { return text(status, field) == text(name, field); }))
            return std::move(status);
    return Json();
}

void add_policy_status(Program& program, CLI::App& parent) {
    auto* command =
        parent.add_subcommand("status", "Whether policies are in force, for how many pods, and their counters");
    const auto wanted = std::make_shared<Wanted>();
    command->add_option("NAME", wanted->name, "namespace/name, or name (default: all policies)");
    command->add_option("-n,--namespace", wanted->space, "Namespace (default: default for NAME, else all)");
    command->add_option("--kind", wanted->kind, "Kind of the policy (default: all)")
        ->check(CLI::IsMember(std::vector<std::string>(std::begin(kPolicyKinds), std::end(kPolicyKinds))));
    command->callback(
        [&program, wanted] { program.action = [wanted](Context& context) { return show_status(context, *wanted); }; });
}

}  // namespace weft::cli
