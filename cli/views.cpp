// Commands that show a list of the daemon's: endpoints, identities, rules, maps.
#include <algorithm>

#include "cli/client.hpp"
#include "cli/program.hpp"
#include "cli/stream.hpp"
#include "cli/table.hpp"
#include "common/unix_http.hpp"

namespace weft::cli {

namespace {

Result<void> expect_array(const Json& value) {
    if (value.is_array()) return {};
    return fail(ErrorCode::kInvalid, "weftd's answer is no list");
}

std::string pod_text(const Json& endpoint) {
    const auto name = text(endpoint, "pod.name");
    return name == "-" ? "-" : text(endpoint, "pod.namespace") + "/" + name;
}

// A list as JSON, or as the table that `print` makes.
template <typename Print>
Result<int> show(Context& context, std::string_view target, Print print) {
    WEFT_TRY(list, get(context, target));
    WEFT_CHECK(expect_array(list));
    if (context.json)
        context.io.out << to_line(list) << '\n';
    else
        print(list, context.io.out);
    return kOk;
}

Result<int> list_endpoints(Context& context) {
    return show(context, "/v1/endpoints", [](const Json& list, std::ostream& out) {
        Table table({"ID", "POD", "ADDRESSES", "IDENTITY", "DEVICE", "INGRESS", "EGRESS", "LABELS"});
        const auto isolated = [](const std::string& policy) {
            return policy == "0" || policy == "-" ? "open" : "isolated";
        };
        for (const auto& endpoint : list)
            table.row({text(endpoint, "id"), pod_text(endpoint), text(endpoint, "ips"), text(endpoint, "identity"),
                       text(endpoint, "host_ifname"), isolated(text(endpoint, "policies.ingress")),
                       isolated(text(endpoint, "policies.egress")),
                       labels_text(endpoint.value("labels", Json::object()))});
        table.print(out);
    });
}

bool is_number(const std::string& text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

// By number, pod or container.
Result<Json> find_endpoint(Context& context, const std::string& name) {
    if (is_number(name)) return get(context, "/v1/endpoints/" + name);
    WEFT_TRY(list, get(context, "/v1/endpoints"));
    WEFT_CHECK(expect_array(list));
    const auto wanted = name.contains('/') ? name : "default/" + name;
    for (const auto& endpoint : list)
        if (pod_text(endpoint) == wanted || text(endpoint, "container_id") == name) return endpoint;
    return fail(ErrorCode::kNotFound, "there is no endpoint '{}': 'weft endpoint list' shows all", name);
}

void list_identities(const Json& list, std::ostream& out) {
    Table table({"ID", "CLASS", "ADDRESSES", "LABELS"});
    for (const auto& identity : list)
        table.row({text(identity, "id"), text(identity, "class"), text(identity, "addresses"),
                   labels_text(identity.value("labels", Json::object()))});
    table.print(out);
}

void list_rules(const Json& list, std::ostream& out) {
    Table table({"ID", "DIRECTION", "RULE", "CONNECTIONS", "PACKETS", "BYTES"});
    for (const auto& rule : list)
        table.row({text(rule, "id"), text(rule, "direction"), rule_text(rule), text(rule, "connections"),
                   text(rule, "packets"), text(rule, "bytes")});
    table.print(out);
}

void list_maps(const Json& list, std::ostream& out) {
    Table table({"NAME", "WHAT"});
    for (const auto& map : list)
        table.row(map.is_string() ? std::vector{map.get<std::string>(), std::string("-")}
                                  : std::vector{text(map, "name"), text(map, "what")});
    table.print(out);
}

// What names a row comes first, the rest as the daemon sends it.
std::vector<std::string> columns_of(const Json& row) {
    constexpr std::string_view kFirst[] = {"reason",           "hook",     "rule",     "index",       "policy",
                                           "address",          "cidr",     "source",   "source_port", "destination",
                                           "destination_port", "protocol", "endpoint", "class",       "identity"};
    std::vector<std::string> names;
    for (const auto& name : kFirst)
        if (row.contains(name)) names.emplace_back(name);
    for (const auto& [name, value] : row.items())
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    return names;
}

// One table for each set of columns, in the order of the rows.
class RowPrinter {
  public:
    explicit RowPrinter(std::ostream& out) : out_(out) {}
    void add(const Json& row) {
        if (auto names = columns_of(row); names != columns_) {
            finish();
            columns_ = std::move(names);
            table_.emplace(columns_);
        }
        std::vector<std::string> cells;
        for (const auto& column : columns_) cells.push_back(text(row, column));
        table_->row(std::move(cells));
    }
    void finish() {
        if (table_) table_->print(out_);
        table_.reset();
    }

  private:
    std::ostream& out_;
    std::optional<Table> table_;
    std::vector<std::string> columns_;
};

Result<int> dump_map(Context& context, const std::string& name) {
    RowPrinter printer(context.io.out);
    std::size_t rows = 0;
    std::optional<Error> bad;
    const auto show = [&](std::string_view line) {
        ++rows;
        if (context.json) {
            context.io.out << line << '\n';
            return context.io.out.good();
        }
        auto row = parse_json(line);
        if (row && row->is_object())
            printer.add(*row);
        else
            bad = row ? Error{ErrorCode::kInvalid, "a row is no object", {}} : row.error();
        return !bad;
    };
    WEFT_CHECK(stream_daemon(context, "/v1/maps/" + escape_segment(name), show));
    if (bad) return wrap(*bad, "read weftd's answer");
    printer.finish();
    if (rows == 0) context.io.err << "map " << printable(name) << " is empty\n";
    return kOk;
}

}  // namespace

void add_endpoint(Program& program) {
    auto* command = program.app.add_subcommand("endpoint", "Pods of this node");
    command->require_subcommand(1);
    command->add_subcommand("list", "All endpoints")->callback([&program] { program.action = list_endpoints; });
    auto* one = command->add_subcommand("get", "One endpoint, as JSON");
    const auto name = std::make_shared<std::string>();
    one->add_option("ENDPOINT", *name, "Number, pod (namespace/name or name) or container id")->required();
    one->callback([&program, name] {
        program.action = [name](Context& context) -> Result<int> {
            WEFT_TRY(endpoint, find_endpoint(context, *name));
            context.io.out << (context.json ? to_line(endpoint)
                                            : endpoint.dump(2, ' ', false, Json::error_handler_t::replace))
                           << '\n';
            return kOk;
        };
    });
}

void add_identity(Program& program) {
    auto* command = program.app.add_subcommand("identity", "Sets of labels and their addresses");
    command->require_subcommand(1);
    command->add_subcommand("list", "All identities")->callback([&program] {
        program.action = [](Context& context) { return show(context, "/v1/identities", list_identities); };
    });
}

void add_rule(Program& program) {
    auto* command = program.app.add_subcommand("rule", "Rules in force and what they counted");
    command->require_subcommand(1);
    command->add_subcommand("list", "All rules")->callback([&program] {
        program.action = [](Context& context) { return show(context, "/v1/rules", list_rules); };
    });
}

void add_map(Program& program) {
    auto* command = program.app.add_subcommand("map", "Contents of the kernel's maps");
    command->require_subcommand(1);
    command->add_subcommand("list", "Names of the maps")->callback([&program] {
        program.action = [](Context& context) { return show(context, "/v1/maps", list_maps); };
    });
    auto* dump = command->add_subcommand("dump", "Rows of one map; with -o json one object a line");
    const auto name = std::make_shared<std::string>();
    dump->add_option("NAME", *name, "Map, see 'weft map list'")->required();
    dump->callback(
        [&program, name] { program.action = [name](Context& context) { return dump_map(context, *name); }; });
}

}  // namespace weft::cli
