#include <algorithm>

#include "policy/expectation.hpp"
#include "policy/icmp_types.hpp"
#include "policy/names.hpp"
#include "policy/parse_rules.hpp"

namespace weft::policy {

namespace {

constexpr std::string_view kTestVersion = "weft.io/v1alpha1", kTestKind = "PolicyTest";

Result<std::vector<IpAddr>> parse_addresses(const JsonView& view, std::string_view name) {
    WEFT_TRY(items, list_of(view, name));
    std::vector<IpAddr> out;
    for (const auto& item : items) {
        WEFT_TRY(text, item.string());
        auto ip = IpAddr::parse(text);
        if (!ip) return item.error(ip.error().message);
        out.push_back(*ip);
    }
    return out;
}

Result<NodeFacts> parse_facts(const JsonView& test) {
    NodeFacts out;
    WEFT_TRY(view, test.find("node"));
    if (view) {
        WEFT_CHECK(view->only({"addresses", "otherNodes", "kubeApiservers", "podCIDRs"}));
        WEFT_TRY(own, parse_addresses(*view, "addresses"));
        WEFT_TRY(others, parse_addresses(*view, "otherNodes"));
        WEFT_TRY(servers, parse_addresses(*view, "kubeApiservers"));
        WEFT_TRY(ranges, list_of(*view, "podCIDRs"));
        for (const auto& item : ranges) {
            WEFT_TRY(range, parse_cidr(item));
            out.pod_ranges.push_back(range);
        }
        out.host_addresses = std::move(own);
        out.remote_nodes = std::move(others);
        out.kube_apiservers = std::move(servers);
    }
    for (const auto* text : {"10.244.0.0/16", "fd00:10:244::/64"}) {
        WEFT_TRY(fallback, Cidr::parse(text));
        const bool given = std::ranges::any_of(
            out.pod_ranges, [&](const Cidr& range) { return range.address.is_v4() == fallback.address.is_v4(); });
        if (!given) out.pod_ranges.push_back(fallback);
    }
    return out;
}

Result<std::optional<std::string>> optional_string(const JsonView& view, std::string_view name) {
    WEFT_TRY(found, view.find(name));
    if (!found) return std::nullopt;
    WEFT_TRY(text, found->string());
    return std::optional(std::move(text));
}

Result<RuleExpectation> parse_rule_expectation(const JsonView& view) {
    WEFT_CHECK(view.only({"kind", "namespace", "name", "direction", "path", "defaultDeny"}));
    RuleExpectation out;
    const std::pair<std::string_view, std::optional<std::string>*> fields[] = {{"kind", &out.kind},
                                                                               {"namespace", &out.namespace_},
                                                                               {"name", &out.name},
                                                                               {"direction", &out.direction},
                                                                               {"path", &out.path}};
    for (const auto& [name, field] : fields) {
        WEFT_TRY(text, optional_string(view, name));
        *field = std::move(text);
    }
    if (out.direction && *out.direction != "ingress" && *out.direction != "egress")
        return view.error("direction must be ingress or egress");
    WEFT_TRY(default_deny, view.find("defaultDeny"));
    if (default_deny) {
        WEFT_TRY(value, default_deny->boolean());
        out.default_deny = value;
    }
    return out;
}

// "TCP", "UDP", "SCTP", "ICMP", "ICMPv6".
Result<std::uint8_t> parse_test_protocol(const JsonView& view) {
    if (view.raw() == "ICMP") return kIcmp;
    if (view.raw() == "ICMPv6") return kIcmpv6;
    auto out = parse_protocol(view);
    if (out || !view.raw().is_string()) return out;
    constexpr std::string_view kKnown[] = {"TCP", "UDP", "SCTP", "ICMP", "ICMPv6"};
    const auto text = view.raw().get<std::string>();
    return view.error(fmt::format("'{}' is not a protocol: use TCP, UDP, SCTP, ICMP or ICMPv6{}", text.substr(0, 64),
                                  did_you_mean(text, kKnown)));
}

Result<void> read_port(const JsonView& view, Expectation& out) {
    WEFT_TRY(protocol, view.find("protocol"));
    if (protocol) {
        WEFT_TRY(number, parse_test_protocol(*protocol));
        out.protocol = number;
    }
    const bool has_ports = out.protocol == kTcp || out.protocol == kUdp || out.protocol == kSctp;
    WEFT_TRY(port, view.find("port"));
    WEFT_TRY(type, view.find("type"));
    if (port && !has_ports) return port->error("ICMP has no ports: give the 'type'");
    if (type && has_ports) return type->error("is for ICMP and ICMPv6 only");
    if (!has_ports) {
        out.port = echo_request(out.protocol);
        if (!type) return {};
        WEFT_TRY(number, parse_icmp_type(*type, out.protocol));
        out.port = number;
        return {};
    }
    if (!port) return view.error("'port' is missing");
    if (port->raw().is_string()) {
        WEFT_TRY(name, parse_port_name(*port));
        out.port_name = std::move(name);
        return {};
    }
    WEFT_TRY(number, parse_port_number(*port));
    out.port = number;
    return {};
}

// Whether it says "allow".
Result<bool> parse_verdict(const JsonView& view) {
    WEFT_TRY(verdict, view.string());
    static constexpr std::string_view kVerdicts[] = {"allow", "deny"};
    if (std::ranges::find(kVerdicts, verdict) == std::end(kVerdicts))
        return view.error(fmt::format("'{}' is not a verdict: use allow or deny{}", verdict.substr(0, 64),
                                      did_you_mean(verdict, kVerdicts)));
    return verdict == "allow";
}

Result<Expectation> parse_expectation(const JsonView& view) {
    WEFT_CHECK(view.only({"name", "from", "to", "port", "type", "protocol", "verdict", "audit", "rule"}));
    Expectation out;
    WEFT_TRY(name, view.string_or("name", ""));
    out.name = std::move(name);
    for (const auto& [field, end] : {std::pair{"from", &out.from}, std::pair{"to", &out.to}}) {
        WEFT_TRY(end_view, view.member(field));
        WEFT_TRY(text, end_view.string());
        *end = std::move(text);
    }
    WEFT_CHECK(read_port(view, out));
    WEFT_TRY(verdict_view, view.member("verdict"));
    WEFT_TRY(allow, parse_verdict(verdict_view));
    out.allow = allow;
    WEFT_TRY(audit_view, view.find("audit"));
    if (audit_view) {
        WEFT_TRY(audit, parse_verdict(*audit_view));
        out.audit = audit;
    }
    WEFT_TRY(rule, view.find("rule"));
    if (rule) {
        WEFT_TRY(wanted, parse_rule_expectation(*rule));
        out.rule = std::move(wanted);
    }
    return out;
}

}  // namespace

bool is_policy_test(const Json& document) {
    return document.is_object() && document.contains("kind") && document.at("kind") == kTestKind;
}

Result<PolicyTest> parse_policy_test(const JsonView& view) {
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "files", "node", "expect"}));
    WEFT_TRY(version_view, view.member("apiVersion"));
    WEFT_TRY(version, version_view.string());
    if (version != kTestVersion)
        return version_view.error(fmt::format("'{}' is not known: use {}", version.substr(0, 64), kTestVersion));
    PolicyTest out;
    WEFT_TRY(metadata, view.find("metadata"));
    if (metadata) {
        WEFT_CHECK(metadata->only({"name"}));
        WEFT_TRY(name, metadata->string_or("name", ""));
        out.name = std::move(name);
    }
    WEFT_TRY(files, list_of(view, "files"));
    for (const auto& item : files) {
        WEFT_TRY(file, item.string());
        out.files.push_back(std::move(file));
    }
    WEFT_TRY(node, parse_facts(view));
    out.node = std::move(node);
    WEFT_TRY(items, list_of(view, "expect"));
    if (items.empty()) return view.error("'expect' is missing: a test without expectations tests nothing");
    for (const auto& item : items) {
        WEFT_TRY(expectation, parse_expectation(item));
        out.expectations.push_back(std::move(expectation));
    }
    return out;
}

}  // namespace weft::policy
