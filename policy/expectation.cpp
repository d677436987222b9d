#include "policy/expectation.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

namespace weft::policy {

namespace {

// Gives addresses of the pod ranges to pods that have none.
class AddressGiver {
  public:
    AddressGiver(const std::vector<Object>& objects, const NodeFacts& node) : node_(node) {
        for (const auto& object : objects)
            if (const auto* pod = std::get_if<Pod>(&object))
                taken_.insert(pod->addresses.begin(), pod->addresses.end());
    }

    Result<void> give(Pod& pod) {
        for (const auto& range : node_.pod_ranges) {
            const bool v4 = range.address.is_v4();
            if (std::ranges::find(pod.addresses, v4, &IpAddr::is_v4) != pod.addresses.end()) continue;
            auto& next = next_[v4 ? 1 : 0];
            auto ip = range.address.plus(++next);
            while (taken_.contains(ip)) ip = range.address.plus(++next);
            if (!range.contains(ip)) return fail(ErrorCode::kExhausted, "{} has no room for all pods", range.text());
            pod.addresses.push_back(ip);
        }
        return {};
    }

  private:
    const NodeFacts& node_;
    std::set<IpAddr> taken_;
    std::array<std::uint64_t, 2> next_ = {1, 1};  // by family; the first address is the gateway's
};

struct End {
    std::vector<IpAddr> addresses;
    const Pod* pod = nullptr;
};

Result<End> end_of(const World& world, const std::string& text) {
    if (const auto ip = IpAddr::parse(text)) {
        for (const auto& [key, pod] : world.pods)
            if (std::ranges::find(pod->addresses, *ip) != pod->addresses.end()) return End{{*ip}, pod.get()};
        return End{{*ip}, nullptr};
    }
    const auto key = text.contains('/') ? text : "default/" + text;
    const auto at = world.pods.find(key);
    if (at == world.pods.end())
        return fail(ErrorCode::kNotFound, "'{}' is neither a pod of the objects nor an address", text.substr(0, 128));
    if (at->second->host_network)
        return fail(ErrorCode::kInvalid, "{} lives on its node's network: give the node's address", key);
    return End{at->second->addresses, at->second.get()};
}

Result<std::uint16_t> port_of(const Expectation& wanted, const End& to) {
    if (wanted.port_name.empty()) return wanted.port;
    if (to.pod != nullptr)
        for (const auto& port : to.pod->ports)
            if (port.name == wanted.port_name && port.protocol == wanted.protocol) return port.port;
    return fail(ErrorCode::kNotFound, "{} has no port named '{}' of that protocol", wanted.to, wanted.port_name);
}

bool fits(const std::optional<std::string>& wanted, const std::string& found) {
    return !wanted || *wanted == found;
}

bool names(const RuleExpectation& wanted, const RuleInfo& rule) {
    return std::ranges::any_of(rule.policies, [&](const PolicyName& policy) {
        return fits(wanted.kind, policy.kind) && fits(wanted.namespace_, policy.namespace_) &&
               fits(wanted.name, policy.name);
    });
}

bool fits(const RuleExpectation& wanted, const RuleInfo* rule) {
    if (rule == nullptr) return false;
    return names(wanted, *rule) && fits(wanted.direction, std::string(to_string(rule->direction))) &&
           fits(wanted.path, rule->place) && (!wanted.default_deny || *wanted.default_deny == rule->by_default);
}

Result<Outcome> check_pair(const Image& image, const Expectation& wanted, const IpAddr& from, const IpAddr& to,
                           std::uint16_t port) {
    WEFT_TRY(said, explain(image, from, to, wanted.protocol, port));
    const auto* rule = deciding_rule(image, said);
    Outcome out{.allow = said.allow,
                .source = from,
                .destination = to,
                .rule = {},
                .audit = {},
                .audit_rule = {},
                .problem = {}};
    if (rule != nullptr) out.rule = *rule;
    if (said.audit) {
        out.audit = said.audit->allow;
        if (const auto* would = deciding_rule(image, *said.audit)) out.audit_rule = *would;
    }
    const bool audited = out.audit.value_or(said.allow);
    if (said.allow != wanted.allow)
        out.problem = fmt::format("expected {}, is {}", wanted.allow ? "allow" : "deny", said.allow ? "allow" : "deny");
    else if (wanted.audit && *wanted.audit != audited)
        out.problem = fmt::format("expected {} by the policies in audit mode, is {}", *wanted.audit ? "allow" : "deny",
                                  audited ? "allow" : "deny");
    else if (wanted.rule && !fits(*wanted.rule, rule))
        out.problem = "another rule decides than expected";
    out.passed = out.problem.empty();
    return out;
}

}  // namespace

Result<World> world_of(const std::vector<Object>& objects, const NodeFacts& node) {
    World out;
    out.node = node;
    out.node.endpoint = std::numeric_limits<std::uint32_t>::max();  // no pod's
    AddressGiver addresses(objects, node);
    std::uint32_t endpoint = 0;
    for (const auto& object : objects) {
        if (const auto* given = std::get_if<Pod>(&object); given != nullptr && !given->host_network) {
            Pod pod = *given;
            WEFT_CHECK(addresses.give(pod));
            pod.endpoint = ++endpoint;
            out.put(std::move(pod));
        } else {
            std::visit([&](const auto& what) { out.put(what); }, object);
        }
    }
    return out;
}

namespace {

const RuleInfo* deciding_of(const Image& image, const std::optional<DirectionVerdict>& egress,
                            const std::optional<DirectionVerdict>& ingress) {
    std::uint32_t number = 0;
    for (const auto& verdict : {egress, ingress}) {
        if (!verdict) continue;
        if (verdict->rule != 0) number = verdict->rule;
        if (!verdict->allow) break;
    }
    const auto at = image.rules.find(number);
    return at == image.rules.end() ? nullptr : &at->second;
}

}  // namespace

const RuleInfo* deciding_rule(const Image& image, const Explanation& said) {
    return deciding_of(image, said.egress, said.ingress);
}

const RuleInfo* deciding_rule(const Image& image, const AuditVerdict& said) {
    return deciding_of(image, said.egress, said.ingress);
}

Result<Outcome> check(const World& world, const Image& image, const Expectation& wanted) {
    WEFT_TRY(from, end_of(world, wanted.from));
    WEFT_TRY(to, end_of(world, wanted.to));
    WEFT_TRY(port, port_of(wanted, to));
    std::optional<Outcome> out;
    for (const auto& source : from.addresses)
        for (const auto& destination : to.addresses) {
            if (source.is_v4() != destination.is_v4()) continue;
            const bool other_family = wanted.protocol == (source.is_v4() ? kIcmpv6 : kIcmp);
            if (other_family) continue;
            WEFT_TRY(one, check_pair(image, wanted, source, destination, port));
            if (!out || (out->passed && !one.passed)) out = std::move(one);
        }
    if (!out)
        return fail(ErrorCode::kInvalid, "{} and {} have no addresses of one family for this", wanted.from, wanted.to);
    return std::move(*out);
}

}  // namespace weft::policy
