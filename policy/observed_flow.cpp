#include "policy/observed_flow.hpp"

#include <algorithm>

#include "policy/names.hpp"
#include "policy/rule.hpp"

namespace weft::policy {

namespace {

// What the labels of an identity say of its namespace.
constexpr std::string_view kNotThePods[] = {"io.kubernetes.pod.namespace", "io.cilium.k8s."};

Result<Labels> read_flow_labels(const JsonView& end) {
    Labels out;
    WEFT_TRY(view, end.find("labels"));
    if (!view) return out;
    WEFT_TRY(items, view->array());
    for (const auto& item : items) {
        WEFT_TRY(text, item.string());
        constexpr std::string_view kSource = "k8s:";
        if (!text.starts_with(kSource)) continue;
        const auto label = std::string_view(text).substr(kSource.size());
        const bool is_pods =
            std::ranges::none_of(kNotThePods, [&](std::string_view prefix) { return label.starts_with(prefix); });
        const auto equals = std::min(label.find('='), label.size());
        if (!is_pods) continue;
        const auto key = label.substr(0, equals), value = label.substr(std::min(equals + 1, label.size()));
        for (const auto& problem : {label_key_problem(key), label_value_problem(value)})
            if (!problem.empty()) return item.error(fmt::format("'{}' is no label: {}", label.substr(0, 320), problem));
        out.emplace(key, value);
    }
    return out;
}

Result<FlowEnd> read_end(const JsonView& flow, std::string_view side) {
    FlowEnd out;
    WEFT_TRY(ips, flow.member("IP"));
    WEFT_TRY(ip_view, ips.member(side));
    WEFT_TRY(text, ip_view.string());
    auto ip = IpAddr::parse(text);
    if (!ip) return ip_view.error(ip.error().message);
    out.ip = *ip;
    WEFT_TRY(end, flow.find(side));
    if (!end) return out;
    WEFT_TRY(identity, end->find("identity"));
    if (identity) {
        WEFT_TRY(number, identity->integer(0, 0xffffffff));
        out.identity = static_cast<std::uint32_t>(number);
    }
    WEFT_TRY(pod, end->string_or("pod_name", ""));
    WEFT_TRY(space, end->string_or("namespace", ""));
    WEFT_TRY(labels, read_flow_labels(*end));
    if (pod.empty() || space.empty()) return out;
    out.pod = std::move(pod);
    out.namespace_ = std::move(space);
    out.labels = std::move(labels);
    return out;
}

// False: a protocol without ports.
Result<bool> read_l4(const JsonView& flow, ObservedFlow& out) {
    WEFT_TRY(l4, flow.find("l4"));
    if (!l4) return false;
    for (const auto& [name, number] : {std::pair{"TCP", kTcp}, std::pair{"UDP", kUdp}, std::pair{"SCTP", kSctp}}) {
        WEFT_TRY(ports, l4->find(name));
        if (!ports) continue;
        WEFT_TRY(port_view, ports->member("destination_port"));
        WEFT_TRY(port, port_view.integer(0, 65535));
        out.protocol = number;
        out.port = static_cast<std::uint16_t>(port);
        return port != 0;
    }
    return false;
}

}  // namespace

Result<ParsedFlow> parse_flow(const JsonView& line) {
    WEFT_TRY(flow, line.find("flow"));
    if (!flow) {
        WEFT_TRY(lost, line.find("lost_events"));
        if (!lost) return line.error("is neither a flow nor a line about lost events");
        return ParsedFlow{LeftOut::kLost, {}};
    }
    WEFT_TRY(verdict, flow->string_or("verdict", ""));
    if (verdict != "FORWARDED" && verdict != "AUDIT") return ParsedFlow{LeftOut::kDropped, {}};
    WEFT_TRY(is_reply, flow->boolean_or("is_reply", false));
    if (is_reply) return ParsedFlow{LeftOut::kReply, {}};
    ParsedFlow out;
    WEFT_TRY(source, read_end(*flow, "source"));
    WEFT_TRY(destination, read_end(*flow, "destination"));
    if (source.ip.is_v4() != destination.ip.is_v4()) return flow->error("has addresses of two families");
    WEFT_TRY(has_ports, read_l4(*flow, out.flow));
    if (!has_ports) return ParsedFlow{LeftOut::kNoPorts, {}};
    out.flow.source = std::move(source);
    out.flow.destination = std::move(destination);
    return out;
}

}  // namespace weft::policy
