#include "policy/explain.hpp"

#include <algorithm>
#include <charconv>

#include "daemon/api/handlers.hpp"
#include "daemon/maps/explain.hpp"
#include "daemon/maps/kernel_reader.hpp"
#include "daemon/maps/learned.hpp"
#include "policy/icmp_types.hpp"
#include "policy/rule_json.hpp"

namespace weft::api {

namespace {

struct Party {
    std::string name;
    std::vector<IpAddr> addresses;
};

struct Question {
    std::string source, destination;
    std::uint8_t protocol = policy::kTcp;
    std::uint16_t port = 0;
};

// The question with its addresses.
struct Asked {
    Question question;
    IpAddr source, destination;
};

// Protocols by name or number; of ICMP the port is the type (an echo request if none is given), those without ports
// are asked with port 0.
Result<std::uint8_t> protocol_of(const JsonView& view) {
    WEFT_TRY(member, view.find("protocol"));
    if (!member) return policy::kTcp;
    if (member->raw().is_number_integer()) {
        WEFT_TRY(number, member->integer(0, 255));
        return static_cast<std::uint8_t>(number);
    }
    WEFT_TRY(name, member->string());
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (name == "ICMP") return policy::kIcmp;
    if (name == "ICMPV6") return policy::kIcmpv6;
    const Json upper = name;
    return policy::parse_protocol(JsonView(upper, member->path()));
}

Result<Question> parse_question(const JsonView& view) {
    WEFT_CHECK(view.only({"source", "destination", "port", "protocol"}));
    Question out;
    WEFT_TRY(source, view.member("source"));
    WEFT_TRY(source_text, source.string());
    WEFT_TRY(destination, view.member("destination"));
    WEFT_TRY(destination_text, destination.string());
    WEFT_TRY(protocol, protocol_of(view));
    const bool is_icmp = protocol == policy::kIcmp || protocol == policy::kIcmpv6;
    if (is_icmp) out.port = policy::echo_request(protocol);
    WEFT_TRY(port, view.find("port"));
    if (port) {
        WEFT_TRY(number, port->integer(0, is_icmp ? 255 : 65535));
        out.port = static_cast<std::uint16_t>(number);
    }
    out.source = std::move(source_text);
    out.destination = std::move(destination_text);
    out.protocol = protocol;
    return out;
}

// This node, by the label that flows give it.
constexpr std::string_view kThisNode = "reserved:host";

// An address, "reserved:host", an endpoint's number, a pod as "namespace/name" or "name" (namespace default), or a
// container id.
Result<Party> party_of(const policy::World& world, const reconcile::State& state, const std::string& text,
                       std::string_view member) {
    if (const auto ip = IpAddr::parse(text)) return Party{text, {*ip}};
    if (text == kThisNode) return Party{text, world.node.host_addresses};
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size())
        if (const auto at = state.endpoints().find(number); at != state.endpoints().end())
            return Party{text, at->second->ips};
    for (const auto& [id, endpoint] : state.endpoints())
        if (endpoint->attachment.container_id == text) return Party{text, endpoint->ips};
    const auto slash = text.find('/');
    const auto space = slash == text.npos ? "default" : text.substr(0, slash);
    const auto name = slash == text.npos ? text : text.substr(slash + 1);
    for (const auto& [key, pod] : world.pods)
        if (pod->namespace_ == space && pod->name == name && !pod->addresses.empty())
            return Party{space + "/" + name, pod->addresses};
    return std::unexpected(
        Error{ErrorCode::kNotFound,
              fmt::format("'{}' is neither an address, reserved:host, an endpoint's number, nor a pod with an address",
                          text.substr(0, 128)),
              fmt::format("$.{}", member)});
}

// A pair of one family, of the one that ICMP is for; else IPv4 when both have it.
Result<std::pair<IpAddr, IpAddr>> common_family(const Party& source, const Party& destination, std::uint8_t protocol) {
    for (const bool v4 : {true, false}) {
        if (protocol == (v4 ? policy::kIcmpv6 : policy::kIcmp)) continue;
        const auto from = std::ranges::find(source.addresses, v4, &IpAddr::is_v4);
        const auto to = std::ranges::find(destination.addresses, v4, &IpAddr::is_v4);
        if (from != source.addresses.end() && to != destination.addresses.end()) return std::pair{*from, *to};
    }
    return fail(ErrorCode::kInvalid, "{} and {} have no address of the same family{}", source.name, destination.name,
                protocol == policy::kIcmpv6 ? " for ICMPv6" : (protocol == policy::kIcmp ? " for ICMP" : ""));
}

Json end_json(const Party& party, const IpAddr& ip, const policy::Address& row, const policy::Image& image) {
    Json out{{"name", party.name},
             {"address", ip.text()},
             {"identity", row.identity},
             {"class", row.class_id},
             {"endpoint", row.endpoint}};
    const auto labels = image.identities.find(row.identity);
    out["labels"] = labels == image.identities.end() ? Json::object() : Json(labels->second.text());
    return out;
}

Json verdict_json(const std::optional<policy::DirectionVerdict>& verdict, const policy::Image& image) {
    if (!verdict) return nullptr;
    Json out{{"verdict", verdict->allow ? "allowed" : "denied"},
             {"by_default", verdict->by_default},
             {"isolated", verdict->policy != 0},
             {"endpoint", verdict->endpoint},
             {"policy", verdict->policy},
             {"rule", nullptr}};
    if (const auto rule = image.rules.find(verdict->rule); rule != image.rules.end())
        out["rule"] = policy::rule_json(verdict->rule, rule->second);
    return out;
}

std::string_view exemption_text(policy::Exemption exemption) {
    switch (exemption) {
        case policy::Exemption::kNone:
            return "none";
        case policy::Exemption::kSamePod:
            return "same-pod";
        case policy::Exemption::kHost:
            return "host";
    }
    return "none";
}

Json audit_json(const std::optional<policy::AuditVerdict>& audit, const policy::Image& image) {
    if (!audit) return nullptr;
    return {{"verdict", audit->allow ? "allowed" : "denied"},
            {"egress", verdict_json(audit->egress, image)},
            {"ingress", verdict_json(audit->ingress, image)}};
}

// What the kernel's own rows say, looked up as the datapath does. Nothing when they cannot be read.
std::optional<maps::KernelExplanation> ask_kernel(const datapath::Pins& pins, const Asked& asked) {
    const auto rows = maps::read_kernel(pins);
    if (!rows) return std::nullopt;
    const auto names = [&](std::uint32_t endpoint, const IpAddr& address) {
        std::vector<maps::KnownName> out;
        const auto known = rows->name_rows.empty() ? Result<maps::Learned>(maps::Learned{}) : maps::learned(pins);
        if (!known) return out;
        const auto at = known->find({endpoint, address});
        if (at == known->end()) return out;
        for (const auto& name : at->second)
            if (name.seconds > 0) out.push_back({name.name, name.class_id});
        return out;
    };
    return maps::explain_from_maps(*rows, asked.source, asked.destination, asked.question.protocol, asked.question.port,
                                   names);
}

std::string_view word(bool allow) {
    return allow ? "allowed" : "denied";
}

// Takes the place of what weftd's own tables said; true when those said the same. A DNS name that the pod has learned
// is known to the kernel alone.
bool take_direction(const maps::KernelDirection& said, const policy::Image& image, Json& own) {
    Json taken = own.is_object() ? own : Json::object();
    taken["verdict"] = word(said.allow);
    taken["by_default"] = said.by_default;
    taken["isolated"] = said.policy != 0;
    taken["endpoint"] = said.endpoint;
    taken["rule"] = nullptr;
    if (const auto rule = image.rules.find(said.rule); rule != image.rules.end())
        taken["rule"] = policy::rule_json(said.rule, rule->second);
    const bool same = taken == own;
    if (!said.name.empty()) taken["name"] = said.name;
    own = std::move(taken);
    return same || !said.name.empty();
}

bool take_audit(const maps::KernelExplanation& found, Json& own) {
    const Json said = found.audit_allow ? Json(word(*found.audit_allow)) : Json();
    if (said == (own.is_object() ? own["verdict"] : Json())) return true;
    if (!found.audit_allow)
        own = nullptr;
    else
        own["verdict"] = said;
    return false;
}

// As flows name it; null when policies decide.
Json dropped_for(const maps::KernelExplanation& found) {
    const auto lacks = [](const auto& side) { return side && side->missing; };
    if (found.unknown_source) return "unknown_source";
    if (lacks(found.egress) || lacks(found.ingress)) return "no_policy_table";
    if (found.unknown_destination && (!found.egress || found.egress->allow)) return "unknown_destination";
    return nullptr;
}

// The kernel's rows decide. A direction about which the datapath does not ask stays as weftd has it.
void take_kernel(const maps::KernelExplanation& found, const policy::Image& image, Json& answer) {
    bool agrees = true;
    if (found.egress) agrees &= take_direction(*found.egress, image, answer["egress"]);
    if (found.ingress) agrees &= take_direction(*found.ingress, image, answer["ingress"]);
    const bool by_name = found.egress && !found.egress->name.empty();
    agrees &= take_audit(found, answer["audit"]) || by_name || !dropped_for(found).is_null();
    answer["verdict"] = word(found.allow);
    answer["dropped_for"] = dropped_for(found);
    answer["kernel"] = {{"verdict", word(found.allow)},
                        {"audit", found.audit_allow ? Json(word(*found.audit_allow)) : Json()},
                        {"agrees", agrees},
                        {"generation", found.generation}};
}

Result<Json> answer(const reconcile::View& view, Asked& asked) {
    const Question& question = asked.question;
    WEFT_TRY(source, party_of(view.state.world(), view.state, question.source, "source"));
    WEFT_TRY(destination, party_of(view.state.world(), view.state, question.destination, "destination"));
    WEFT_TRY(pair, common_family(source, destination, question.protocol));
    asked.source = pair.first;
    asked.destination = pair.second;
    WEFT_TRY(found, policy::explain(view.image, pair.first, pair.second, question.protocol, question.port,
                                    view.state.settings().allow_host));
    return Json{{"verdict", found.allow ? "allowed" : "denied"},
                {"exemption", exemption_text(found.exemption)},
                {"protocol", question.protocol},
                {"port", question.port},
                {"source", end_json(source, pair.first, found.source, view.image)},
                {"destination", end_json(destination, pair.second, found.destination, view.image)},
                {"egress", verdict_json(found.egress, view.image)},
                {"ingress", verdict_json(found.ingress, view.image)},
                {"audit", audit_json(found.audit, view.image)},
                {"generation", view.counters.generation},
                {"dropped_for", nullptr},
                {"kernel", nullptr}};
}

}  // namespace

Result<Reply> explain(Context& context, const Call& call) {
    WEFT_TRY(body, parse_json(call.body));
    WEFT_TRY(question, parse_question(JsonView(body)));
    // A change between the two looks is no disagreement: look again.
    for (int tries = 3;; --tries) {
        Asked asked{question, {}, {}};
        Result<Json> out = Json();
        context.reconciler.read([&](const reconcile::View& view) { out = answer(view, asked); });
        if (!out) return std::unexpected(out.error());
        const auto found = ask_kernel(context.pins, asked);
        if (!found) return json_reply(*out);
        context.reconciler.read([&](const reconcile::View& view) { take_kernel(*found, view.image, *out); });
        if ((*out)["kernel"]["agrees"] == true || tries == 1) return json_reply(*out);
    }
}

}  // namespace weft::api
