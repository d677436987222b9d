#include <set>

#include "daemon/api/handlers.hpp"
#include "daemon/api/policy_status.hpp"

namespace weft::api {

Result<Reply> list_identities(Context& context, const Call&) {
    Json out = Json::array();
    context.reconciler.read([&](const reconcile::View& view) {
        std::map<std::uint32_t, std::set<IpAddr>> addresses;
        std::map<std::uint32_t, std::uint32_t> classes;
        for (const auto& [ip, row] : view.image.addresses) {
            addresses[row.identity].insert(ip);
            classes[row.identity] = row.class_id;
        }
        for (const auto& [id, labels] : view.image.identities) {
            Json texts = Json::array();
            for (const auto& ip : addresses[id]) texts.push_back(ip.text());
            out.push_back(
                {{"id", id}, {"labels", labels.text()}, {"class", classes[id]}, {"addresses", std::move(texts)}});
        }
    });
    return json_reply(out);
}

Result<Reply> list_rules(Context& context, const Call&) {
    std::map<std::uint32_t, policy::RuleInfo> rules;
    context.reconciler.read([&](const reconcile::View& view) { rules = view.image.rules; });
    WEFT_TRY(counts, maps::rule_counts(context.pins));
    Json out = Json::array();
    for (const auto& [id, rule] : rules) out.push_back(counted_rule_json(id, rule, counts));
    return json_reply(out);
}

}  // namespace weft::api
