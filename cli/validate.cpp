// `weft policy validate`: the parser and the warnings of the daemon, on files; with the daemon also what only it knows.
#include <map>

#include "cli/client.hpp"
#include "cli/objects.hpp"
#include "cli/policy_commands.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "policy/compile.hpp"
#include "policy/expectation.hpp"
#include "policy/lint.hpp"
#include "policy/memory_numbers.hpp"

namespace weft::cli {

namespace {

struct Asked {
    std::vector<std::string> files;
    bool live = false, offline = false, strict = false;
};

struct Checked {
    std::vector<policy::Object> objects;
    Json documents = Json::array();
    Json errors = Json::array();
};

// Every file and document is looked at, whatever is wrong with the others.
class Checker {
  public:
    Checked run(Context& context, const std::vector<std::string>& files) {
        for (const auto& file : files) {
            const auto documents = read_documents(context, {file});
            if (!documents) out_.errors.push_back(error_json(file, nullptr, documents.error()));
            if (!documents) continue;
            for (const auto& document : *documents) check(document);
        }
        return std::move(out_);
    }

    static Json error_json(const std::string& file, Json document, const Error& error) {
        return {{"file", file}, {"document", std::move(document)}, {"path", error.path}, {"message", error.message}};
    }

  private:
    void check(const Document& document) {
        auto parsed = policy::parse_objects(JsonView(document.json));
        out_.documents.push_back(document.json);
        if (!parsed) return refuse(document, parsed.error());
        for (auto& object : *parsed) {
            const auto name = policy::name_of(object);
            const auto [at, is_new] =
                places_.emplace(name, fmt::format("{}, document {}", document.file, document.number));
            if (!is_new)
                refuse(document,
                       {ErrorCode::kInvalid, fmt::format("{} stands in {} already", name.text(), at->second), ""});
            out_.objects.push_back(std::move(object));
        }
    }

    void refuse(const Document& document, const Error& error) {
        out_.errors.push_back(error_json(document.file, document.number, error));
    }

    Checked out_;
    std::map<policy::PolicyName, std::string> places_;  // where each object stands
};

void print(Context& context, const Json& answer) {
    for (const auto& error : answer["errors"]) {
        const auto place = error["document"].is_null()
                               ? text(error, "file")
                               : fmt::format("{}, document {}", text(error, "file"), text(error, "document"));
        context.io.err << printable(fmt::format("{}: {}{}", place,
                                                error["path"] == "" ? "" : text(error, "path") + ": ",
                                                text(error, "message")))
                       << '\n';
    }
    if (answer["valid"] == true)
        context.io.out << (answer["offline"] == true ? "valid (checked without weftd: nothing is known of pods)\n"
                                                     : "valid\n");
    for (const auto& warning : answer["warnings"])
        context.io.out << "warning: "
                       << printable(fmt::format("{} {}: {}", text(warning, "object"), text(warning, "path"),
                                                text(warning, "message")))
                       << '\n';
}

// What the daemon adds: whether it would take the objects, and the warnings that need the cluster's state. Without its
// answer, if that is not asked for, it is as with --offline. Errors: it does not answer, and --live is given.
Result<void> ask_daemon(Context& context, const Asked& asked, const Json& documents, Json& out) {
    if (asked.offline) return {};
    const auto answer = post(context, "/v1/policies/validate", documents);
    if (!answer && context.unreachable && asked.live) return std::unexpected(answer.error());
    if (!answer && context.unreachable) {
        context.unreachable = false;
        return {};
    }
    out["offline"] = false;
    if (answer) {
        out["warnings"] = answer->value("warnings", Json::array());
    } else {
        out["valid"] = false;
        out["errors"].push_back(Checker::error_json("weftd", nullptr, answer.error()));
    }
    return {};
}

// Whether all of it together can be compiled, and the warnings that need no state.
void check_alone(const std::vector<policy::Object>& objects, Json& out) {
    policy::MemoryNumbers numbers;
    const auto world = policy::world_of(objects, {});
    const auto image = world ? policy::compile(*world, numbers) : std::unexpected(world.error());
    if (!image) {
        out["valid"] = false;
        out["errors"].push_back(Checker::error_json("all objects together", nullptr, image.error()));
        return;
    }
    out["warnings"] = policy::warnings_json(objects, {}, policy::Known::kPolicies);
}

Result<int> validate(Context& context, const Asked& asked) {
    auto checked = Checker().run(context, asked.files);
    Json out{{"valid", checked.errors.empty()},
             {"offline", true},
             {"errors", std::move(checked.errors)},
             {"warnings", Json::array()}};
    if (out["valid"] == true) {
        WEFT_CHECK(ask_daemon(context, asked, checked.documents, out));
        if (out["offline"] == true) check_alone(checked.objects, out);
    }
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
