// `weft policy recommend`: from the flows that were seen to the policies that allow them.
#include <algorithm>
#include <array>
#include <fstream>

#include "cli/observe.hpp"
#include "cli/policy_commands.hpp"
#include "cli/stream.hpp"
#include "cli/table.hpp"
#include "cli/yaml_text.hpp"
#include "policy/recommend.hpp"

namespace weft::cli {

namespace {

constexpr unsigned kMostFlows = 1'000'000;

struct Source {
    std::string file, since, direction = "both";
    unsigned last = 100'000;
    policy::RecommendOptions options;
};

struct Seen {
    std::vector<policy::ObservedFlow> flows;
    std::array<std::size_t, 5> left_out{};  // by policy::LeftOut
    std::size_t lines = 0;
    std::optional<Error> bad;

    bool take(std::string_view line) {
        if (line.empty()) return true;
        ++lines;
        auto parsed = take_line(line);
        if (parsed && flows.size() > kMostFlows)
            parsed = fail(ErrorCode::kExhausted, "there are more than {} connections: give fewer lines", kMostFlows);
        if (!parsed) bad = wrap(parsed.error(), fmt::format("line {}", lines)).error();
        return parsed.has_value();
    }

  private:
    Result<void> take_line(std::string_view line) {
        WEFT_TRY(json, parse_json(line, {.bytes = 1U << 20}));
        WEFT_TRY(parsed, policy::parse_flow(JsonView(json)));
        ++left_out[static_cast<std::size_t>(parsed.why)];
        if (parsed.why == policy::LeftOut::kNothing) flows.push_back(std::move(parsed.flow));
        return {};
    }
};

Result<void> read_lines(std::istream& in, Seen& seen) {
    std::string line;
    while (std::getline(in, line))
        if (!seen.take(line)) break;
    if (in.bad()) return fail(ErrorCode::kSystem, "cannot be read");
    return {};
}

Result<void> read_flows(Context& context, const Source& source, Seen& seen) {
    if (source.file == "-") return read_lines(context.io.in, seen);
    if (!source.file.empty()) {
        std::ifstream in(source.file, std::ios::binary);
        if (!in) return fail(ErrorCode::kNotFound, "cannot open {}", source.file);
        return read_lines(in, seen);
    }
    ObserveOptions options;
    options.last = source.last;
    options.since = source.since;
    return stream_flows(context, flows_target(options), false, [&](std::string_view line) { return seen.take(line); });
}

// What was read, and what became of it: nothing is passed over in silence.
std::vector<std::string> report_of(const Seen& seen, const policy::Recommendation& made) {
    const auto count = [&](policy::LeftOut why) { return seen.left_out[static_cast<std::size_t>(why)]; };
    std::vector<std::string> out = {fmt::format("{} connections of {} lines replayed against these {} policies: {}",
                                                made.replayed, seen.lines, made.policies.size(),
                                                made.denied.empty() ? "all are allowed" : "NOT all are allowed")};
    const std::pair<std::size_t, std::string_view> left_out[] = {
        {count(policy::LeftOut::kDropped), "dropped flows"},
        {count(policy::LeftOut::kReply), "replies"},
        {count(policy::LeftOut::kNoPorts), "flows without ports (ICMP): a NetworkPolicy cannot allow them alone"},
        {made.other_owner, "flows of addresses whose pod or labels are others by now"},
        {count(policy::LeftOut::kLost), "lines about lost events: there may be flows that nobody saw"}};
    for (const auto& [number, what] : left_out)
        if (number != 0) out.push_back(fmt::format("left out: {} {}", number, what));
    for (const auto& name : made.unlabelled)
        out.push_back(fmt::format("no policy for the pods of {} without labels: none selects them alone", name));
    for (const auto& name : made.unlabelled_peers)
        out.push_back(fmt::format("all pods of {} are let through: those that were seen have no labels", name));
    for (const auto& flow : made.denied) out.push_back("denied: " + flow);
    return out;
}

Result<int> recommend_policies(Context& context, const Source& source) {
    Seen seen;
    WEFT_CHECK(read_flows(context, source, seen));
    if (seen.bad) return std::unexpected(*seen.bad);
    if (seen.flows.empty())
        return fail(ErrorCode::kNotFound, "there are no allowed connections in {} lines", seen.lines);
    WEFT_TRY(made, policy::recommend(seen.flows, source.options));
    const auto report = report_of(seen, made);
    if (made.policies.empty() && made.unlabelled.empty())
        return fail(ErrorCode::kNotFound, "none of {} connections has an end that is a pod{}", made.replayed,
                    source.options.only_namespace.empty() ? "" : " of namespace " + source.options.only_namespace);
    if (context.json) {
        context.io.out << to_line({{"policies", made.policies},
                                   {"replayed", made.replayed},
                                   {"denied", made.denied},
                                   {"report", report}})
                       << '\n';
    } else {
        for (const auto& line : report) context.io.out << "# " << printable(line) << '\n';
        for (const auto& one : made.policies) context.io.out << "---\n" << yaml_text(one);
    }
    return made.denied.empty() ? kOk : kFailed;
}

}  // namespace

void add_recommend(Program& program, CLI::App& parent) {
    auto* command = parent.add_subcommand("recommend", "NetworkPolicies that allow what was observed, and little else");
    const auto source = std::make_shared<Source>();
    auto* file =
        command->add_option("-f,--filename", source->file,
                            "Lines of 'weft observe -o json', '-' for standard input (default: ask hubble-lite)");
    command->add_option("--last", source->last, "Newest flows to ask hubble-lite for")
        ->check(CLI::Range(1U, kMostFlows))
        ->capture_default_str()
        ->excludes(file);
    command->add_option("--since", source->since, "Of hubble-lite's flows only those since then: a time or 10m, 2h")
        ->excludes(file);
    command->add_option("-n,--namespace", source->options.only_namespace, "Policies for pods of this namespace only");
    command->add_option("--direction", source->direction, "ingress, egress or both")
        ->check(CLI::IsMember({"ingress", "egress", "both"}))
        ->capture_default_str();
    command->callback([&program, source] {
        source->options.ingress = source->direction != "egress";
        source->options.egress = source->direction != "ingress";
        program.action = [source](Context& context) { return recommend_policies(context, *source); };
    });
}

}  // namespace weft::cli
