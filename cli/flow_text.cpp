#include "cli/flow_text.hpp"

#include <algorithm>

#include "cli/table.hpp"

namespace weft::cli {

namespace {

const Json& member(const Json& value, const char* name) {
    static const Json kNull;
    return value.is_object() && value.contains(name) ? value[name] : kNull;
}

// "2026-01-02T03:04:05.678901234Z" as "03:04:05.678".
std::string time_text(const std::string& time) {
    const auto t = time.find('T');
    if (t == time.npos || time.size() < t + 9) return time;
    auto clock = time.substr(t + 1);
    if (const auto end = clock.find_first_of("Z+-"); end != clock.npos) clock.resize(end);
    if (clock.size() < 9) clock += '.';
    clock.resize(12, '0');
    return clock;
}

std::string port_of(const Json& flow, const char* field) {
    const auto& l4 = member(flow, "l4");
    if (l4.is_object())
        for (const auto& [protocol, ports] : l4.items())
            if (const auto port = text(ports, field); port != "-") return ":" + port;
    return {};
}

std::string end_text(const Json& flow, const char* end, const char* ip, const char* port) {
    const auto& peer = member(flow, end);
    const auto pod = text(peer, "pod_name");
    const auto address = text(member(flow, "IP"), ip);
    const auto number = port_of(flow, port);
    if (pod != "-") return text(peer, "namespace") + "/" + pod + number;
    return (!number.empty() && address.contains(':') ? "[" + address + "]" : address) + number;
}

// What policies in audit mode would do to it, if that is another thing than what was done.
std::string audit_text(const Json& weft) {
    const auto& audit = member(weft, "audit");
    if (text(audit, "verdict") != "DROPPED") return {};
    auto rule = member(audit, "rule");
    if (!rule.is_object()) return "  would be dropped";
    if (!rule.contains("policies") && member(audit, "policies").is_array()) rule["policies"] = audit["policies"];
    return "  would be dropped by " + rule_text(rule);
}

std::string decision_text(const Json& weft) {
    const auto reason = text(weft, "reason");
    std::string out = reason == "-" ? "" : "  " + reason;
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    auto rule = member(weft, "rule");
    if (!rule.is_object()) return out + audit_text(weft);
    // Who isolates stands beside the rule: a deny by default has no policy of its own.
    if (!rule.contains("policies") && member(weft, "policies").is_array()) rule["policies"] = weft["policies"];
    return out + "  " + rule_text(rule) + audit_text(weft);
}

std::string counts_text(const Json& weft) {
    const auto event = text(weft, "event");
    if (event == "-" || event == "new" || event == "drop") return {};
    const auto packets = text(weft, "packets");
    return "  " + event +
           (packets == "-" || packets == "0" ? "" : fmt::format(" {} packets, {} bytes", packets, text(weft, "bytes")));
}

}  // namespace

std::string flow_text(const Json& line) {
    const auto time = time_text(text(line, "time"));
    if (const auto& lost = member(line, "lost_events"); lost.is_object())
        return printable(
            fmt::format("{}  LOST       {} events ({})", time, text(lost, "num_events_lost"), text(lost, "source")));
    const auto& flow = member(line, "flow");
    if (!flow.is_object()) return printable(fmt::format("{}  {}", time, to_line(line)));
    const auto& weft = member(line, "weft");
    return printable(fmt::format("{}  {:<9}  {} -> {}  {}{}{}", time, text(flow, "verdict"),
                                 end_text(flow, "source", "source", "source_port"),
                                 end_text(flow, "destination", "destination", "destination_port"),
                                 text(flow, "Summary"), decision_text(weft), counts_text(weft)));
}

}  // namespace weft::cli
