#include <algorithm>
#include <iterator>

#include "cli/client.hpp"
#include "cli/objects.hpp"
#include "cli/policy_commands.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "common/unix_http.hpp"

namespace weft::cli {

namespace {

constexpr std::string_view kClusterKinds[] = {"Namespace",
                                              "Node",
                                              "ClusterNetworkPolicy",
                                              "AdminNetworkPolicy",
                                              "BaselineAdminNetworkPolicy",
                                              "CiliumClusterwideNetworkPolicy",
                                              "CiliumCIDRGroup"};

bool in_no_namespace(const std::string& kind) {
    return std::ranges::find(kClusterKinds, kind) != std::end(kClusterKinds);
}

struct Named {
    std::string name, space, kind = "NetworkPolicy";

    // "namespace/name", or "name" with -n, or in namespace default. "-" stands for "no namespace".
    std::string target() const {
        const auto slash = name.find('/');
        const auto in = slash != name.npos      ? name.substr(0, slash)
                        : !space.empty()        ? space
                        : in_no_namespace(kind) ? "-"
                                                : "default";
        return fmt::format("/v1/policies/{}/{}/{}", escape_segment(kind), escape_segment(in),
                           escape_segment(slash == name.npos ? name : name.substr(slash + 1)));
    }
};

std::shared_ptr<Named> name_options(CLI::App& command, bool required) {
    const auto named = std::make_shared<Named>();
    auto* name = command.add_option("NAME", named->name, "namespace/name, or name");
    if (required) name->required();
    command.add_option("-n,--namespace", named->space, "Namespace (default: default)");
    command.add_option("--kind", named->kind, "Kind of the object")->capture_default_str();
    return named;
}

std::shared_ptr<std::vector<std::string>> file_option(CLI::App& command, bool required) {
    const auto files = std::make_shared<std::vector<std::string>>();
    auto* option =
        command.add_option("-f,--filename", *files, "JSON or YAML file, '-' for standard input (repeatable)");
    if (required) option->required();
    return files;
}

Result<int> apply_objects(Context& context, const std::vector<std::string>& files) {
    WEFT_TRY(objects, read_objects(context, files));
    WEFT_TRY(answer, post(context, "/v1/policies", Json(objects)));
    if (context.json) {
        context.io.out << to_line(answer) << '\n';
        return kOk;
    }
    if (answer.contains("applied"))
        for (const auto& object : answer["applied"])
            context.io.out << printable(policy_text(object)) << ' ' << text(object, "action") << '\n';
    context.io.out << "in force at revision " << text(answer, "revision")
                   << "; 'weft policy status' shows for how many pods\n";
    return kOk;
}

Result<int> remove(Context& context, const std::vector<std::string>& targets) {
    Json done = Json::array();
    for (const auto& target : targets) {
        auto answer = erase(context, target);
        if (!answer) return wrap(answer.error(), "delete " + target.substr(std::string_view("/v1/policies/").size()));
        done.push_back({{"deleted", target.substr(std::string_view("/v1/policies/").size())},
                        {"revision", text(*answer, "revision")}});
    }
    for (const auto& one : done) {
        if (context.json)
            context.io.out << to_line(one) << '\n';
        else
            context.io.out << "deleted " << printable(text(one, "deleted")) << '\n';
    }
    return kOk;
}

// The objects' own names; a List stands for its items.
Result<void> targets_of(const Json& object, std::vector<std::string>& targets) {
    if (object.is_object() && object.contains("items") && object["items"].is_array()) {
        for (const auto& item : object["items"]) WEFT_CHECK(targets_of(item, targets));
        return {};
    }
    Named named{text(object, "metadata.name"), text(object, "metadata.namespace"), text(object, "kind")};
    if (named.name == "-") return fail(ErrorCode::kInvalid, "$.metadata.name is missing");
    if (named.kind == "-") named.kind = "NetworkPolicy";
    if (named.space == "-") named.space.clear();
    targets.push_back(named.target());
    return {};
}

// What has that name, for who forgot --kind or -n: "; there is CiliumNetworkPolicy shop/web (--kind CiliumNetworkPolicy
// -n shop)". Nothing when weftd does not tell.
std::string namesakes(Context& context, const Named& named) {
    const auto all = get(context, "/v1/policies?kind=all");
    if (!all || !all->is_array()) return "";
    const auto name = named.name.substr(named.name.find('/') + 1);
    std::string out;
    for (const auto& object : *all) {
        if (text(object, "name") != name) continue;
        const auto space = text(object, "namespace");
        out += fmt::format("; there is {} (--kind {}{})", policy_text(object), text(object, "kind"),
                           space == "-" || space.empty() ? "" : " -n " + space);
    }
    return out;
}

Result<int> remove_named(Context& context, const Named& named) {
    auto done = remove(context, {named.target()});
    if (!done && done.error().code == ErrorCode::kNotFound) done.error().message += namesakes(context, named);
    return done;
}

Result<int> remove_asked(Context& context, const Named& named, const std::vector<std::string>& files) {
    if (files.empty() && !named.name.empty()) return remove_named(context, named);
    std::vector<std::string> targets;
    if (!named.name.empty()) targets.push_back(named.target());
    if (!files.empty()) {
        WEFT_TRY(objects, read_objects(context, files));
        for (const auto& object : objects) WEFT_CHECK(targets_of(object, targets));
    }
    if (targets.empty()) return fail(ErrorCode::kInvalid, "name what to delete: NAME or -f FILE");
    return remove(context, targets);
}

Result<int> list(Context& context, const std::string& kind) {
    WEFT_TRY(policies, get(context, kind.empty() ? "/v1/policies" : "/v1/policies?kind=" + escape_segment(kind)));
    if (context.json) {
        context.io.out << to_line(policies) << '\n';
        return kOk;
    }
    Table table({"KIND", "NAMESPACE", "NAME", "MODE", "SOURCE"});
    for (const auto& policy : policies)
        table.row({text(policy, "kind"), text(policy, "namespace"), text(policy, "name"), text(policy, "mode"),
                   text(policy, "source")});
    table.print(context.io.out);
    return kOk;
}

Result<int> show(Context& context, const Named& named) {
    auto found = get(context, named.target());
    if (!found) {
        if (found.error().code == ErrorCode::kNotFound) found.error().message += namesakes(context, named);
        return std::unexpected(std::move(found).error());
    }
    auto& policy = *found;
    if (context.json) {
        WEFT_TRY(status, status_of(context, policy));
        if (!status.is_null()) policy["status"] = std::move(status);
        context.io.out << to_line(policy) << '\n';
    } else
        context.io.out << policy.value("object", policy).dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
    return kOk;
}

void add_writing(Program& program, CLI::App& command) {
    auto* apply_command = command.add_subcommand("apply", "Put objects in force: all of them or none");
    const auto files = file_option(*apply_command, true);
    apply_command->callback(
        [&program, files] { program.action = [files](Context& context) { return apply_objects(context, *files); }; });

    add_validate(program, command);
    add_policy_test(program, command);

    auto* delete_command = command.add_subcommand("delete", "Take objects out of force");
    const auto named = name_options(*delete_command, false);
    const auto of_files = file_option(*delete_command, false);
    delete_command->callback([&program, named, of_files] {
        program.action = [named, of_files](Context& context) { return remove_asked(context, *named, *of_files); };
    });
}

}  // namespace

void add_policy(Program& program) {
    auto* command = program.app.add_subcommand("policy", "Policies in force");
    command->require_subcommand(1);
    add_writing(program, *command);

    auto* list_command = command->add_subcommand("list", "Names and sources");
    const auto kind = std::make_shared<std::string>();
    std::vector<std::string> kinds(std::begin(kPolicyKinds), std::end(kPolicyKinds));
    kinds.insert(kinds.end(), {"Pod", "Namespace", "Node", "CiliumCIDRGroup", "all"});
    list_command->add_option("--kind", *kind, "A kind of object, or all (default: policies)")
        ->check(CLI::IsMember(kinds));
    list_command->callback(
        [&program, kind] { program.action = [kind](Context& context) { return list(context, *kind); }; });

    add_policy_status(program, *command);
    add_recommend(program, *command);

    auto* get_command = command->add_subcommand("get", "One object, as JSON; with -o json also its status");
    const auto named = name_options(*get_command, true);
    get_command->callback(
        [&program, named] { program.action = [named](Context& context) { return show(context, *named); }; });
}

}  // namespace weft::cli
