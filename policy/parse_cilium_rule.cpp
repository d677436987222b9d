#include "policy/parse_cilium_rule.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "policy/cilium_selector.hpp"
#include "policy/dns_pattern.hpp"
#include "policy/icmp_types.hpp"
#include "policy/names.hpp"

namespace weft::policy {

namespace {

constexpr std::size_t kMaxRulePorts = 40;  // of Cilium's own validation, and of fields of icmps

struct Unsupported {
    std::string_view field, why;
};
constexpr std::string_view kProxy = "it needs a proxy for the application's protocol, and weft has none";
constexpr Unsupported kRuleFields[] = {
    {"fromGroups", "cloud providers' groups are not known"},
    {"toGroups", "cloud providers' groups are not known"},
    {"toServices", "no services are known yet; select the service's pods by toEndpoints"},
    {"authentication", "peers are not authenticated"}};
constexpr Unsupported kPortFields[] = {
    {"listener", kProxy}, {"terminatingTLS", kProxy}, {"originatingTLS", kProxy}, {"serverNames", kProxy}};

template <std::size_t kCount>
Result<void> refuse(const JsonView& view, const Unsupported (&fields)[kCount]) {
    for (const auto& [field, why] : fields) {
        WEFT_TRY(found, view.find(field));
        if (found) return not_supported(*found, why);
    }
    return {};
}

// "80", "web"; "0" is every port.
Result<PortMatch> parse_number_or_name(const JsonView& view) {
    if (view.raw().is_number()) return view.error(fmt::format("must be text here: write \"{}\"", view.raw().dump()));
    WEFT_TRY(text, view.string());
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size())
        return number == 0 ? PortMatch{} : PortMatch{0, {}, number, number};
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (auto problem = port_name_problem(text); !problem.empty())
        return view.error(fmt::format("'{}' is neither a port number nor a name: {}", text.substr(0, 64), problem));
    return PortMatch{0, std::move(text), 0, 0};
}

// Absent or ANY: TCP, UDP and SCTP.
Result<std::vector<std::uint8_t>> parse_protocols(const JsonView& port) {
    const std::vector<std::uint8_t> any = {kTcp, kUdp, kSctp};
    WEFT_TRY(view, port.find("protocol"));
    if (!view || view->raw() == "ANY" || view->raw() == "") return any;
    if (view->raw() == "ICMP" || view->raw() == "ICMPv6")
        return not_supported(*view, "select types of ICMP by 'icmps'");
    WEFT_TRY(protocol, parse_protocol(*view));
    return std::vector<std::uint8_t>{protocol};
}

Result<void> read_port(const JsonView& view, Rule& rule) {
    WEFT_CHECK(view.only({"port", "endPort", "protocol"}));
    WEFT_TRY(port, view.member("port"));
    WEFT_TRY(match, parse_number_or_name(port));
    WEFT_TRY(protocols, parse_protocols(view));
    WEFT_TRY(end, view.find("endPort"));
    if (end) {
        WEFT_TRY(last, end->integer(0, 65535));
        if (last != 0 && (!match.name.empty() || match.first == 0))
            return end->error("may be given beside a port number only");
        if (last != 0 && last < match.first) return end->error("must not be below 'port'");
        if (last != 0) match.last = static_cast<std::uint16_t>(last);
    }
    for (const auto protocol : protocols) {
        match.protocol = protocol;
        rule.ports.push_back(match);
    }
    return {};
}

// {"dns": [{"matchPattern": "*"}]} says that every name may be asked for, as without it, and turns on Cilium's proxy,
// which toFQDNs need there. All other rules need a proxy.
Result<void> check_dns_rules(const JsonView& ports) {
    WEFT_TRY(rules, ports.find("rules"));
    if (!rules) return {};
    WEFT_TRY(members, rules->object());
    for (const auto& [name, member] : members) {
        if (name != "dns") return not_supported(member, kProxy);
        WEFT_TRY(names, member.array());
        for (const auto& item : names)
            if (item.raw() != Json{{"matchPattern", "*"}})
                return not_supported(item, "which names a pod asks for is not limited; '*' alone is taken");
    }
    return {};
}

Result<void> read_ports(const JsonView& rule_view, Rule& rule) {
    WEFT_TRY(items, list_of(rule_view, "toPorts"));
    for (const auto& item : items) {
        WEFT_CHECK(check_dns_rules(item));
        WEFT_CHECK(refuse(item, kPortFields));
        WEFT_CHECK(item.only({"ports", "rules"}));
        WEFT_TRY(ports_view, item.member("ports"));
        WEFT_TRY(ports, list_of(item, "ports", kMaxRulePorts));
        if (ports.empty()) return ports_view.error("must have at least one entry");
        for (const auto& port : ports) WEFT_CHECK(read_port(port, rule));
    }
    return {};
}

Result<PortMatch> parse_icmp_field(const JsonView& view) {
    WEFT_CHECK(view.only({"family", "type"}));
    WEFT_TRY(family, view.find("family"));
    if (family && family->raw() != "IPv4" && family->raw() != "IPv6")
        return family->error("is not a family: use IPv4 or IPv6");
    const auto protocol = family && family->raw() == "IPv6" ? kIcmpv6 : kIcmp;
    WEFT_TRY(type_view, view.member("type"));
    WEFT_TRY(type, parse_icmp_type(type_view, protocol));
    return PortMatch{protocol, {}, type, type};
}

Result<void> read_icmps(const JsonView& rule_view, Rule& rule) {
    WEFT_TRY(items, list_of(rule_view, "icmps"));
    if (items.empty()) return {};
    if (!rule.ports.empty()) return rule_view.error("icmps may not stand beside toPorts: write a rule for each");
    for (const auto& item : items) {
        WEFT_CHECK(item.only({"fields"}));
        WEFT_TRY(fields_view, item.member("fields"));
        WEFT_TRY(fields, list_of(item, "fields", kMaxRulePorts));
        if (fields.empty()) return fields_view.error("must have at least one entry");
        for (const auto& field : fields) {
            WEFT_TRY(match, parse_icmp_field(field));
            rule.ports.push_back(std::move(match));
        }
    }
    return {};
}

// {"cidr": "10.0.0.0/8", "except": [...]} or a group in place of the prefix.
Result<std::vector<Peer>> parse_cidr_rule(const JsonView& view) {
    WEFT_CHECK(view.only({"cidr", "cidrGroupRef", "cidrGroupSelector", "except"}));
    WEFT_TRY(excepts, list_of(view, "except"));
    std::vector<Cidr> holes;
    for (const auto& item : excepts) {
        WEFT_TRY(hole, parse_cidr(item));
        holes.push_back(hole);
    }
    sort_unique(holes);
    std::array<std::optional<JsonView>, 3> forms;
    for (std::size_t i = 0; const auto* name : {"cidr", "cidrGroupRef", "cidrGroupSelector"}) {
        WEFT_TRY(found, view.find(name));
        forms[i++] = found;
    }
    const auto& [cidr_view, ref_view, selector_view] = forms;
    if (std::ranges::count_if(forms, [](const auto& form) { return form.has_value(); }) != 1)
        return view.error("needs exactly one of cidr, cidrGroupRef, cidrGroupSelector");
    if (ref_view) {
        WEFT_TRY(name, ref_view->string());
        if (auto problem = dns_subdomain_problem(name); !problem.empty())
            return ref_view->error(fmt::format("'{}' is not a name: {}", name.substr(0, 64), problem));
        return std::vector<Peer>{CidrGroupRef{std::move(name), {}, std::move(holes)}};
    }
    if (selector_view) {
        WEFT_TRY(selector, LabelSelector::parse(*selector_view));
        return std::vector<Peer>{CidrGroupRef{{}, std::move(selector), std::move(holes)}};
    }
    WEFT_TRY(cidr, parse_cidr(*cidr_view));
    for (std::size_t i = 0; i < holes.size(); ++i)
        if (!cidr.contains(holes[i]))
            return view.error(fmt::format("except {} is not a part of {}", holes[i].text(), cidr.text()));
    if (std::ranges::find(holes, cidr) != holes.end()) return std::vector<Peer>{};  // nothing is left
    return std::vector<Peer>{IpBlock{.cidr = cidr, .except = std::move(holes), .outside = true}};
}

Result<std::vector<Peer>> parse_plain_cidr(const JsonView& view) {
    WEFT_TRY(cidr, parse_cilium_cidr(view));
    return std::vector<Peer>{IpBlock{.cidr = cidr, .except = {}, .outside = true}};
}

// {"matchName": "www.example.com"}, {"matchPattern": "*.example.com"}
Result<std::vector<Peer>> parse_fqdn(const JsonView& view) {
    constexpr std::array<std::string_view, 2> kKnown = {"matchName", "matchPattern"};
    WEFT_TRY(member, only_member(view, kKnown));
    WEFT_TRY(text, member.second.string());
    auto pattern = member.first == "matchName" ? pattern_of_match_name(text) : pattern_of_match_pattern(text);
    if (!pattern) return member.second.error(pattern.error().message);
    return std::vector<Peer>{DnsPeer{std::move(*pattern)}};
}

Result<std::vector<Peer>> parse_nodes(const JsonView& view) {
    WEFT_TRY(selector, parse_node_selector(view));
    return std::vector<Peer>{NodeSet{std::move(selector)}};
}

// The members of a rule that select peers: at most one of them has entries.
class PeerReader {
  public:
    PeerReader(const JsonView& view, Rule& rule, const std::string& own)
        : view_(view), rule_(rule), own_(own), prefix_(rule.direction == Direction::kIngress ? "from" : "to") {}

    // Where no member selects peers, ports stand for any peer, and a rule without ports for nobody.
    Result<void> run(bool has_ports) {
        WEFT_CHECK(read("Endpoints", [&](const JsonView& item) { return endpoint(item); }));
        WEFT_CHECK(read("Entities", [&](const JsonView& item) { return entity(item); }));
        WEFT_CHECK(read("CIDR", parse_plain_cidr));
        WEFT_CHECK(read("CIDRSet", parse_cidr_rule));
        WEFT_CHECK(read("Nodes", parse_nodes));
        if (rule_.direction == Direction::kEgress) WEFT_CHECK(read("FQDNs", parse_fqdn));
        WEFT_TRY(required, list_of(view_, prefix_ + "Requires"));
        for (const auto& item : required) {
            WEFT_TRY(selection, parse_endpoint_selector(item, own_));
            if (selection.is_entity) return not_supported(item, "reserved labels cannot be required");
            rule_.required.push_back(std::move(selection.pods));
        }
        if (selects_nobody_) {
            rule_.any_peer = false;
            rule_.peers.clear();
        } else if (given_.empty()) {
            rule_.any_peer = has_ports && required.empty();
        }
        return {};
    }

  private:
    template <typename Parse>
    Result<void> read(std::string_view what, const Parse& parse) {
        const auto name = prefix_ + std::string(what);
        WEFT_TRY(member, view_.find(name));
        if (!member) return {};
        WEFT_TRY(items, list_of(view_, name));
        selects_nobody_ |= items.empty();
        if (items.empty()) return {};
        if (!given_.empty())
            return member->error(fmt::format("may not stand beside {}: write a rule for each", given_));
        given_ = name;
        for (const auto& item : items) {
            WEFT_TRY(peers, parse(item));
            for (auto& peer : peers) rule_.peers.push_back(std::move(peer));
        }
        return {};
    }

    Result<std::vector<Peer>> endpoint(const JsonView& item) {
        WEFT_TRY(selection, parse_endpoint_selector(item, own_));
        rule_.constrained = true;
        if (selection.is_entity) return std::move(selection.entity);
        return std::vector<Peer>{std::move(selection.pods)};
    }

    Result<std::vector<Peer>> entity(const JsonView& item) {
        WEFT_TRY(peers, parse_entity(item));
        if (peers) return std::move(*peers);
        rule_.any_peer = true;
        return std::vector<Peer>{};
    }

    const JsonView& view_;
    Rule& rule_;
    const std::string& own_;
    std::string prefix_;
    std::string given_;  // the member that has entries
    bool selects_nobody_ = false;
};

}  // namespace

Result<Cidr> parse_cilium_cidr(const JsonView& view) {
    WEFT_TRY(text, view.string());
    auto cidr = Cidr::parse(text);
    if (!cidr) return view.error(cidr.error().message);
    return cidr;
}

Result<Rule> parse_cilium_rule(const JsonView& view, Rule rule, const std::string& own) {
    WEFT_CHECK(refuse(view, kRuleFields));
    if (rule.direction == Direction::kIngress)
        WEFT_CHECK(view.only({"fromEndpoints", "fromRequires", "fromCIDR", "fromCIDRSet", "fromEntities", "fromNodes",
                              "toPorts", "icmps"}));
    else
        WEFT_CHECK(view.only({"toEndpoints", "toRequires", "toCIDR", "toCIDRSet", "toEntities", "toNodes", "toFQDNs",
                              "toPorts", "icmps"}));
    if (rule.action == Action::kDeny) {
        WEFT_TRY(names, view.find("toFQDNs"));
        if (names) return names->error("names may only stand in rules that allow");
    }
    WEFT_CHECK(read_ports(view, rule));
    WEFT_CHECK(read_icmps(view, rule));
    rule.any_port = rule.ports.empty();
    WEFT_CHECK(PeerReader(view, rule, own).run(!rule.ports.empty()));
    return rule;
}

}  // namespace weft::policy
