// `weft policy test`: expectations about policies, checked without a kernel or a daemon.
#include <filesystem>
#include <map>
#include <set>

#include "cli/objects.hpp"
#include "cli/policy_commands.hpp"
#include "cli/table.hpp"
#include "policy/compile.hpp"
#include "policy/expectation.hpp"
#include "policy/icmp_types.hpp"
#include "policy/memory_numbers.hpp"
#include "policy/rule_json.hpp"

namespace weft::cli {

namespace {

struct Loaded {
    std::string file;
    std::vector<policy::PolicyTest> tests;
    std::vector<policy::Object> objects;
    std::map<policy::PolicyName, std::string> places;  // where each object stands
};

// The tests of a file are its own; the files that it names hold objects.
Result<void> take(const Document& document, bool main, Loaded& out) {
    const auto place = fmt::format("{}, document {}", document.file, document.number);
    if (policy::is_policy_test(document.json)) {
        if (!main) return fail(ErrorCode::kInvalid, "{}: a PolicyTest in a file of objects", place);
        auto test = policy::parse_policy_test(JsonView(document.json));
        if (!test) return wrap(std::move(test).error(), place);
        out.tests.push_back(std::move(*test));
        return {};
    }
    auto objects = policy::parse_objects(JsonView(document.json));
    if (!objects) return wrap(std::move(objects).error(), place);
    for (auto& object : *objects) {
        const auto [at, is_new] = out.places.emplace(policy::name_of(object), place);
        if (!is_new)
            return fail(ErrorCode::kInvalid, "{}: {} stands in {} already", place, at->first.text(), at->second);
        out.objects.push_back(std::move(object));
    }
    return {};
}

Result<Loaded> load(Context& context, const std::string& file) {
    Loaded out{file, {}, {}, {}};
    WEFT_TRY(documents, read_documents(context, {file}));
    for (const auto& document : documents) WEFT_CHECK(take(document, true, out));
    if (out.tests.empty()) return fail(ErrorCode::kInvalid, "{} has no PolicyTest document", file);
    const auto folder = file == "-" ? std::filesystem::path() : std::filesystem::path(file).parent_path();
    std::set<std::string> taken;  // tests may share a file
    for (const auto& test : out.tests)
        for (const auto& name : test.files) {
            if (!taken.insert((folder / name).lexically_normal()).second) continue;
            WEFT_TRY(more, read_documents(context, {(folder / name).string()}));
            for (const auto& document : more) WEFT_CHECK(take(document, false, out));
        }
    return out;
}

std::string port_text(const policy::Expectation& wanted) {
    const auto protocol = wanted.protocol == policy::kUdp      ? "udp"
                          : wanted.protocol == policy::kSctp   ? "sctp"
                          : wanted.protocol == policy::kIcmp   ? "icmp"
                          : wanted.protocol == policy::kIcmpv6 ? "icmpv6"
                                                               : "tcp";
    if (wanted.protocol == policy::kIcmp || wanted.protocol == policy::kIcmpv6)
        return wanted.port == policy::echo_request(wanted.protocol) ? protocol
                                                                    : fmt::format("{}/{}", protocol, wanted.port);
    return fmt::format("{}/{}", wanted.port_name.empty() ? std::to_string(wanted.port) : wanted.port_name, protocol);
}

Json verdict_word(const std::optional<bool>& allow) {
    return allow ? Json(*allow ? "allow" : "deny") : Json();
}

Json rule_or_null(const std::optional<policy::RuleInfo>& rule) {
    if (!rule) return nullptr;
    Json out = policy::rule_json(0, *rule);
    out.erase("id");
    return out;
}

Json outcome_json(const policy::Expectation& wanted, const Result<policy::Outcome>& outcome) {
    Json out{{"name", wanted.name},
             {"from", wanted.from},
             {"to", wanted.to},
             {"port", port_text(wanted)},
             {"expected", wanted.allow ? "allow" : "deny"},
             {"expected_audit", verdict_word(wanted.audit)},
             {"passed", outcome && outcome->passed},
             {"problem", outcome ? outcome->problem : outcome.error().text()},
             {"verdict", nullptr},
             {"rule", nullptr},
             {"audit", nullptr},
             {"audit_rule", nullptr}};
    if (!outcome) return out;
    out["verdict"] = outcome->allow ? "allow" : "deny";
    out["source"] = outcome->source.text();
    out["destination"] = outcome->destination.text();
    out["rule"] = rule_or_null(outcome->rule);
    out["audit"] = verdict_word(outcome->audit);
    out["audit_rule"] = rule_or_null(outcome->audit_rule);
    return out;
}

Result<void> run_test(const Loaded& loaded, const policy::PolicyTest& test, Json& out) {
    WEFT_TRY(world, policy::world_of(loaded.objects, test.node));
    policy::MemoryNumbers numbers;
    WEFT_TRY(image, policy::compile(world, numbers));
    for (const auto& wanted : test.expectations) {
        Json result = outcome_json(wanted, policy::check(world, image, wanted));
        result["file"] = loaded.file;
        result["test"] = test.name;
        out.push_back(std::move(result));
    }
    return {};
}

void print_result(std::ostream& out, const Json& result) {
    out << (result["passed"] == true ? "ok    " : "FAIL  ")
        << printable(fmt::format("{} -> {} {}: {}", text(result, "from"), text(result, "to"), text(result, "port"),
                                 text(result, "expected")));
    if (!result["expected_audit"].is_null()) out << ", in audit mode " << text(result, "expected_audit");
    if (const auto name = text(result, "name"); name != "-") out << "  (" << printable(name) << ")";
    out << '\n';
    if (result["passed"] == true) return;
    out << "      " << printable(text(result, "problem")) << '\n';
    if (result["verdict"].is_null()) return;
    const auto rule = result["rule"].is_null() ? "no policy decides" : "by " + rule_text(result["rule"]);
    out << "      " << text(result, "verdict") << ' ' << printable(rule) << " (" << text(result, "source") << " -> "
        << text(result, "destination") << ")\n";
    if (result["audit"].is_null()) return;
    const auto would = result["audit_rule"].is_null() ? "no policy decides" : "by " + rule_text(result["audit_rule"]);
    out << "      in audit mode " << text(result, "audit") << ' ' << printable(would) << '\n';
}

Result<int> test_policies(Context& context, const std::vector<std::string>& files) {
    Json results = Json::array();
    for (const auto& file : files) {
        WEFT_TRY(loaded, load(context, file));
        for (const auto& test : loaded.tests) WEFT_CHECK(run_test(loaded, test, results));
    }
    std::size_t failed = 0;
    for (const auto& result : results) failed += result["passed"] == true ? 0 : 1;
    if (context.json) {
        context.io.out << to_line({{"passed", results.size() - failed}, {"failed", failed}, {"results", results}})
                       << '\n';
    } else {
        for (const auto& result : results) print_result(context.io.out, result);
        context.io.out << fmt::format("{} passed, {} failed\n", results.size() - failed, failed);
    }
    return failed == 0 ? kOk : kFailed;
}

}  // namespace

void add_policy_test(Program& program, CLI::App& parent) {
    auto* command = parent.add_subcommand("test", "Check what policies allow and deny; needs no daemon");
    const auto files = std::make_shared<std::vector<std::string>>();
    command->add_option("FILE", *files, "File with a PolicyTest (docs/policy-test.md), '-' for standard input")
        ->required();
    command->footer("Exit code 0: all is as expected, 1: something is not.");
    command->callback(
        [&program, files] { program.action = [files](Context& context) { return test_policies(context, *files); }; });
}

}  // namespace weft::cli
