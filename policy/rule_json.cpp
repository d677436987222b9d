#include "policy/rule_json.hpp"

#include "policy/rule.hpp"

namespace weft::policy {

Json rule_json(std::uint32_t id, const RuleInfo& rule) {
    Json policies = Json::array();
    for (const auto& name : rule.policies)
        policies.push_back({{"kind", name.kind}, {"namespace", name.namespace_}, {"name", name.name}});
    Json out{{"id", id},
             {"direction", to_string(rule.direction)},
             {"index", rule.index},
             {"path", rule.place},
             {"tier", tier_name(rule.tier)},
             {"default_deny", rule.by_default},
             {"policies", policies}};
    const PolicyName first = rule.policies.empty() ? PolicyName{} : rule.policies.front();
    out["kind"] = first.kind;
    out["namespace"] = first.namespace_;
    out["name"] = first.name;
    if (rule.priority) out["priority"] = *rule.priority;
    if (rule.audit) out["audit"] = true;
    if (!rule.logged) out["logged"] = false;
    if (!rule.log.empty()) out["log"] = rule.log;
    return out;
}

}  // namespace weft::policy
