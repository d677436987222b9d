#include "policy/explain.hpp"

#include "policy/port_rows.hpp"

namespace weft::policy {

namespace {

// `out` has direction and endpoint.
Result<DirectionVerdict> ask(const Image& image, std::uint32_t policy, const Address& peer, std::uint32_t number,
                             DirectionVerdict out) {
    out.allow = true;
    out.policy = policy;
    if (out.policy == 0) return out;
    const auto table = image.policies.find(out.policy);
    if (table == image.policies.end()) return fail(ErrorCode::kInternal, "compiled policy {} is missing", out.policy);
    const auto rows = table->second.classes.find(peer.class_id);
    const auto& row = row_at(rows == table->second.classes.end() ? table->second.unnamed : rows->second, number);
    out.allow = row.allow;
    out.by_default = row.by_default;
    out.rule = row.rule;
    return out;
}

Result<std::optional<DirectionVerdict>> decide(const Image& image, Direction direction, std::uint32_t endpoint,
                                               const Address& peer, std::uint32_t number) {
    if (endpoint == 0) return std::nullopt;
    const auto policies = image.endpoints.find(endpoint);
    if (policies == image.endpoints.end()) return fail(ErrorCode::kInternal, "endpoint {} has no policies", endpoint);
    WEFT_TRY(out, ask(image, policies->second[static_cast<std::size_t>(direction)], peer, number,
                      {.direction = direction, .endpoint = endpoint}));
    return std::optional(out);
}

// The verdict with the policies in audit mode; none: the pod has none in that direction.
Result<std::optional<DirectionVerdict>> decide_audit(const Image& image,
                                                     const std::optional<DirectionVerdict>& enforced,
                                                     const Address& peer, std::uint32_t number) {
    if (!enforced) return std::nullopt;
    const auto audits = image.audits.find(enforced->endpoint);
    if (audits == image.audits.end()) return std::nullopt;
    const auto policy = audits->second[static_cast<std::size_t>(enforced->direction)];
    if (policy == 0) return std::nullopt;
    WEFT_TRY(out, ask(image, policy, peer, number, *enforced));
    return std::optional(out);
}

Result<std::optional<AuditVerdict>> audit(const Image& image, const Explanation& said, std::uint32_t number) {
    if (!said.allow) return std::nullopt;
    WEFT_TRY(egress, decide_audit(image, said.egress, said.destination, number));
    WEFT_TRY(ingress, decide_audit(image, said.ingress, said.source, number));
    if (!egress && !ingress) return std::nullopt;
    AuditVerdict out{
        .allow = true, .egress = egress ? egress : said.egress, .ingress = ingress ? ingress : said.ingress};
    out.allow = (!out.egress || out.egress->allow) && (!out.ingress || out.ingress->allow);
    return std::optional(out);
}

// Whose policies are asked at this end; 0: nobody's.
std::uint32_t asked(const Image& image, const Address& end) {
    return end.host ? image.node_endpoint : end.endpoint;
}

}  // namespace

const Address& address_of(const Image& image, const IpAddr& ip) {
    static const Address kUnknown;
    if (const auto at = image.addresses.find(ip); at != image.addresses.end()) return at->second;
    for (int length = ip.bits(); length >= 0; --length)
        if (const auto at = image.cidrs.find(Cidr::of(ip, length)); at != image.cidrs.end()) return at->second;
    return kUnknown;
}

Result<Explanation> explain(const Image& image, const IpAddr& source, const IpAddr& destination, std::uint8_t protocol,
                            std::uint16_t port, bool allow_host) {
    if (source.is_v4() != destination.is_v4())
        return fail(ErrorCode::kInvalid, "{} and {} are of different families", source.text(), destination.text());
    Explanation out{.allow = true,
                    .source = address_of(image, source),
                    .destination = address_of(image, destination),
                    .egress = {},
                    .ingress = {},
                    .audit = {}};
    const auto source_end = asked(image, out.source), destination_end = asked(image, out.destination);
    if (source_end != 0 && source_end == destination_end) {
        out.exemption = Exemption::kSamePod;
        return out;
    }
    const auto number = port_number(protocol, port);
    WEFT_TRY(egress, decide(image, Direction::kEgress, source_end, out.destination, number));
    out.egress = egress;
    if (allow_host && out.source.host && out.destination.endpoint != 0) {
        out.exemption = Exemption::kHost;
    } else {
        WEFT_TRY(ingress, decide(image, Direction::kIngress, destination_end, out.source, number));
        out.ingress = ingress;
    }
    out.allow = (!out.egress || out.egress->allow) && (!out.ingress || out.ingress->allow);
    WEFT_TRY(audited, audit(image, out, number));
    out.audit = audited;
    return out;
}

}  // namespace weft::policy
