// `weft policy validate`: the parser and the warnings of the daemon, on files; with the daemon also what only it knows.
#include <map>

#include "cli/client.hpp"
#include "cli/objects.hpp"
#include "cli/policy_commands.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "policy/lint.hpp"

namespace weft::cli {

namespace {

struct Asked {
    std::vector<std::string> files;
    bool live = false, offline = false, strict = false;
};

struct Checked {
    std::vector<policy::Object> objects;
    Json errors = Json::array();
};

// Every document is looked at, whatever is wrong with the others.
class Checker {
  public:
    Checked run(const std::vector<Document>& documents) {
        for (const auto& document : documents) check(document);
        return std::move(out_);
    }

  private:
    void check(const Document& document) {
        auto parsed = policy::parse_objects(JsonView(document.json));
        if (!parsed) return refuse(document, parsed.error().path, parsed.error().message);
        for (auto& object : *parsed) {
            const auto name = policy::name_of(object);
            const auto [at, is_new] =
                places_.emplace(name, fmt::format("{}, document {}", document.file, document.number));
            if (!is_new) refuse(document, "", fmt::format("{} stands in {} already", name.text(), at->second));
            out_.objects.push_back(std::move(object));
        }
    }

    void refuse(const Document& document, const std::string& path, const std::string& message) {
        out_.errors.push_back(
            {{"file", document.file}, {"document", document.number}, {"path", path}, {"message", message}});
    }

    Checked out_;
    std::map<policy::PolicyName, std::string> places_;  // where each object stands
};

void print(Context& context, const Json& answer) {
    for (const auto& error : answer["errors"])
        context.io.err << printable(fmt::format("{}, document {}: {}{}", text(error, "file"), text(error, "document"),
                                                error["path"] == "" ? "" : text(error, "path") + ": ",
                                                text(error, "message")))
                       << '\n';
    if (answer["valid"] == true)
        context.io.out << (answer["offline"] == true ? "valid (checked without weftd: nothing is known of pods)\n"
                                                     : "valid\n");
    for (const auto& warning : answer["warnings"])
        context.io.out << "warning: "
                       << printable(fmt::format("{} {}: {}", text(warning, "object"), text(warning, "path"),
                                                text(warning, "message")))
                       << '\n';
}

// What the daemon adds: whether it would take the objects, and the warnings that need the cluster's state. Nothing when
// it is not to be asked, or does not answer and need not.
Result<std::optional<Json>> ask_daemon(Context& context, const Asked& asked, const std::vector<Document>& documents) {
    if (asked.offline) return std::nullopt;
    Json objects = Json::array();
    for (const auto& document : documents) objects.push_back(document.json);
    auto answer = post(context, "/v1/policies/validate", objects);
    if (answer) return std::optional(std::move(*answer));
    if (!context.unreachable || asked.live) return std::unexpected(answer.error());
    context.unreachable = false;
    return std::nullopt;
}

Result<int> validate(Context& context, const Asked& asked) {
    WEFT_TRY(documents, read_documents(context, asked.files));
    auto checked = Checker().run(documents);
    Json out{{"valid", checked.errors.empty()}, {"errors", std::move(checked.errors)}, {"warnings", Json::array()}};
    std::optional<Json> answer;
    if (out["valid"] == true) {
        WEFT_TRY(asked_daemon, ask_daemon(context, asked, documents));
        answer = std::move(asked_daemon);
        out["warnings"] = answer ? answer->value("warnings", Json::array())
                                 : policy::warnings_json(checked.objects, {}, policy::Known::kPolicies);
    }
    out["offline"] = !answer;
    if (context.json)
        context.io.out << to_line(out) << '\n';
    else
        print(context, out);
    return out["valid"] == true && (!asked.strict || out["warnings"].empty()) ? kOk : kFailed;
}

}  // namespace

void add_validate(Program& program, CLI::App& parent) {
    auto* command = parent.add_subcommand("validate", "Check objects, change nothing; works without the daemon too");
    const auto asked = std::make_shared<Asked>();
    command->add_option("-f,--filename", asked->files, "JSON or YAML file, '-' for standard input (repeatable)")
        ->required();
    auto* live = command->add_flag("--live", asked->live, "Fail when weftd does not answer");
    command->add_flag("--offline", asked->offline, "Do not ask weftd")->excludes(live);
    command->add_flag("--strict", asked->strict, "Warnings fail too");
    command->footer("Exit code 0: valid, 1: not, 3: weftd does not answer and --live is given.");
    command->callback(
        [&program, asked] { program.action = [asked](Context& context) { return validate(context, *asked); }; });
}

}  // namespace weft::cli
