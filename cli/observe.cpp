#include "cli/observe.hpp"

#include "cli/flow_text.hpp"
#include "cli/program.hpp"
#include "cli/stream.hpp"
#include "common/unix_http.hpp"

namespace weft::cli {

namespace {

constexpr unsigned kDefaultLast = 20;

struct FilterOption {
    const char* option;     // hubble's name
    const char* parameter;  // hubble-lite's query parameter
    const char* help;
};

constexpr FilterOption kFilters[] = {
    {"--verdict", "verdict", "forwarded, dropped or audit"},
    {"--from-pod", "source_pod", "Source pod: namespace/name or name, or a prefix of it"},
    {"--to-pod", "destination_pod", "Destination pod, likewise"},
    {"--pod", "pod", "Pod of either side"},
    {"--namespace,-n", "namespace", "Namespace of either side"},
    {"--from-ip", "source_ip", "Source address or prefix"},
    {"--to-ip", "destination_ip", "Destination address or prefix"},
    {"--ip", "ip", "Address or prefix of either side"},
    {"--port", "port", "Port of either side"},
    {"--from-port", "source_port", "Source port"},
    {"--to-port", "destination_port", "Destination port"},
    {"--protocol", "protocol", "tcp, udp, sctp, icmp, icmpv4, icmpv6 or a number"},
    {"--label,-l", "label", "Label selector, of either side"},
    {"--drop-reason", "drop_reason", "Such as policy_denied"},
    {"--type,-t", "type", "new, drop, changed, close or dns"},
};

// hubble-lite names its parameter; people wrote an option.
Error by_option(Error error) {
    for (const auto& filter : kFilters)
        if (error.path == filter.parameter)
            error.path = std::string_view(filter.option).substr(0, std::string_view(filter.option).find(','));
    if (error.path == "since" || error.path == "until" || error.path == "last") error.path = "--" + error.path;
    return error;
}

Result<int> observe(Context& context, const ObserveOptions& options) {
    std::optional<Error> bad;
    const auto show = [&](std::string_view line) {
        if (context.json) {
            context.io.out << line << '\n';
        } else if (const auto json = parse_json(line); json) {
            context.io.out << flow_text(*json) << '\n';
        } else {
            bad = json.error();
            return false;
        }
        if (options.follow) context.io.out.flush();
        return context.io.out.good();
    };
    if (const auto done = stream_flows(context, flows_target(options), options.follow, show); !done)
        return std::unexpected(by_option(done.error()));
    if (bad) return wrap(*bad, "read a line of hubble-lite");
    return kOk;
}

}  // namespace

std::string flows_target(const ObserveOptions& options) {
    std::string target = "/v1/flows";
    const auto add = [&](std::string_view name, std::string_view value) {
        target += fmt::format("{}{}={}", target.contains('?') ? '&' : '?', name, escape_segment(value));
    };
    if (options.last)
        add("last", fmt::to_string(*options.last));
    else if (!options.follow && options.since.empty() && options.until.empty())
        add("last", fmt::to_string(kDefaultLast));
    if (options.follow) add("follow", "true");
    if (!options.since.empty()) add("since", options.since);
    if (!options.until.empty()) add("until", options.until);
    for (const auto& [name, values] : options.filters)
        for (const auto& value : values) add(name, value);
    return target;
}

void add_observe(Program& program) {
    auto* command =
        program.app.add_subcommand("observe", "Flows: what was forwarded and dropped, and which rule decided");
    const auto options = std::make_shared<ObserveOptions>();
    command->add_option("--last", options->last, "The last N flows that fit (default: 20)")->type_name("N");
    command->add_flag("-f,--follow", options->follow, "Go on with new ones as they come");
    command->add_option("--since", options->since, "Not older than this: 5m, 2h30m, or RFC 3339");
    command->add_option("--until", options->until, "Not newer than this");
    for (const auto& filter : kFilters)
        command->add_option(filter.option, options->filters[filter.parameter], filter.help)->take_all()->expected(1);
    command->footer("Values of one option are alternatives; different options must all hold.");
    command->callback(
        [&program, options] { program.action = [options](Context& context) { return observe(context, *options); }; });
}

}  // namespace weft::cli
