#include <algorithm>
#include <charconv>

#include "cli/client.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "policy/icmp_types.hpp"

namespace weft::cli {

namespace {

struct Question {
    std::string from, to, port;
};

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

// "icmp", "icmpv6/128", "icmp/EchoRequest"; `name`: ICMP or ICMPV6.
Result<Json> parse_icmp(const std::string& text, const std::string& name) {
    const auto slash = text.find('/');
    const auto protocol = name == "ICMP" ? policy::kIcmp : policy::kIcmpv6;
    if (slash == text.npos) return Json{{"port", policy::echo_request(protocol)}, {"protocol", name}};
    const auto type = policy::icmp_type_of(std::string_view(text).substr(slash + 1), protocol);
    if (!type) return fail(ErrorCode::kInvalid, "'{}' names no type of {}", text, name);
    return Json{{"port", *type}, {"protocol", name}};
}

// "80", "53/udp", "icmp".
Result<Json> parse_port(const std::string& text) {
    const auto slash = text.find('/');
    if (const auto name = upper(text.substr(0, slash)); name == "ICMP" || name == "ICMPV6")
        return parse_icmp(text, name);
    const auto number = text.substr(0, slash);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
    const bool is_port = error == std::errc{} && end == number.data() + number.size();
    const auto protocol = slash == text.npos ? "TCP" : upper(text.substr(slash + 1));
    const bool known = protocol == "TCP" || protocol == "UDP" || protocol == "SCTP";
    if (!known || !is_port)
        return fail(ErrorCode::kInvalid,
                    "'{}' is no port: write PORT, PORT/PROTOCOL (tcp, udp, sctp), icmp[/TYPE] or icmpv6[/TYPE]", text);
    return Json{{"port", port}, {"protocol", protocol}};
}

std::string end_text(const Json& end) {
    const auto name = text(end, "name"), address = text(end, "address");
    return name == address ? address : fmt::format("{} ({})", name, address);
}

// "the pod", or "the node" where this node is that end.
std::string whose(const Json& answer, std::string_view end) {
    const auto labels = answer.value(end, Json()).value("labels", Json::object());
    return labels.contains("reserved:host") ? "the node" : "the pod";
}

std::string decided_by(const Json& rule) {
    return rule.is_object() ? printable(rule_text(rule)) : "no rule matches";
}

// What else the kernel's rows say than that the policies decide.
void print_kernel(std::ostream& out, const Json& answer) {
    const auto reason = answer.value("dropped_for", Json());
    if (reason == "unknown_destination")
        out << "  dropped: the destination is of the pods' addresses, and no pod has it (unknown_destination)\n";
    else if (reason.is_string())
        out << fmt::format("  dropped: {}\n", text(answer, "dropped_for"));
    if (!answer.contains("kernel")) return;
    if (answer["kernel"].is_null())
        out << "  the kernel's rows cannot be read: this is what weftd would enforce\n";
    else if (answer["kernel"].value("agrees", true) == false)
        out << "  this is what the kernel's rows say; weftd's own tables say otherwise. Somebody else has written the "
               "maps: start weftd again, which writes them anew\n";
}

// `verdicts`: of `answer`, or those in audit mode.
void print_direction(std::ostream& out, std::string_view name, const Json& verdicts, const Json& answer) {
    if (!verdicts.contains(name) || !verdicts[name].is_object()) return;
    const auto& verdict = verdicts[name];
    const bool isolated = verdict.value("isolated", true);
    const auto end = name == "egress" ? "source" : "destination";
    const auto known = verdict.contains("name") ? text(verdict, "name") : std::string();
    out << fmt::format(
        "  {:<8} {}: {}{}\n", name, text(verdict, "verdict"),
        isolated ? decided_by(verdict.value("rule", Json())) : "no policy isolates " + whose(answer, end),
        known.empty() ? "" : printable(fmt::format(", known as {}", known)));
}

void print(std::ostream& out, const Json& answer, const std::string& port) {
    out << fmt::format("{}: {} -> {}, {}\n", text(answer, "verdict"),
                       printable(end_text(answer.value("source", Json()))),
                       printable(end_text(answer.value("destination", Json()))), printable(port));
    const auto exemption = text(answer, "exemption");
    if (exemption == "host") out << "  traffic between the node and its pods passes whatever the policies say\n";
    if (exemption == "same-pod") out << fmt::format("  {} always reaches itself\n", whose(answer, "source"));
    print_direction(out, "egress", answer, answer);
    print_direction(out, "ingress", answer, answer);
    print_kernel(out, answer);
    const auto audit = answer.value("audit", Json());
    if (!audit.is_object()) return;
    out << fmt::format("with the policies in audit mode: {}\n", text(audit, "verdict"));
    print_direction(out, "egress", audit, answer);
    print_direction(out, "ingress", audit, answer);
}

Result<int> explain(Context& context, const Question& question) {
    WEFT_TRY(body, parse_port(question.port));
    body["source"] = question.from;
    body["destination"] = question.to;
    WEFT_TRY(answer, post(context, "/v1/explain", body));
    if (context.json)
        context.io.out << to_line(answer) << '\n';
    else
        print(context.io.out, answer, question.port);
    return text(answer, "verdict") == "allowed" ? kOk : kDenied;
}

}  // namespace

void add_explain(Program& program) {
    auto* command = program.app.add_subcommand("explain", "Which rule would decide about a connection");
    const auto question = std::make_shared<Question>();
    command->add_option("FROM", question->from, "Pod (namespace/name or name), address, or reserved:host")->required();
    command->add_option("TO", question->to, "Pod (namespace/name or name), address, or reserved:host")->required();
    command->add_option("PORT", question->port, "PORT, PORT/PROTOCOL (tcp, udp, sctp), icmp[/TYPE] or icmpv6[/TYPE]")
        ->required();
    command->footer("Exit code 0: allowed, 4: denied (policies in audit mode deny nothing).");
    command->callback([&program, question] {
        program.action = [question](Context& context) { return explain(context, *question); };
    });
}

}  // namespace weft::cli
