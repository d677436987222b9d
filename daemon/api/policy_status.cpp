#include "daemon/api/policy_status.hpp"

#include <algorithm>

#include "daemon/api/handlers.hpp"
#include "policy/rule_json.hpp"

namespace weft::api {

namespace {

Json refusal_json(const watch::FileStatus& file) {
    return {{"kind", ""},      {"namespace", ""},   {"name", ""},          {"source", watch::source_of_file(file.name)},
            {"mode", nullptr}, {"accepted", false}, {"programmed", false}, {"reason", file.error->text()}};
}

}  // namespace

Json counted_rule_json(std::uint32_t id, const policy::RuleInfo& rule, const RuleCounts& counts) {
    const auto at = counts.find(id);
    const auto count = at == counts.end() ? maps::RuleCount{} : at->second;
    Json out = policy::rule_json(id, rule);
    out["packets"] = count.packets;
    out["bytes"] = count.bytes;
    out["connections"] = count.connections;
    return out;
}

Result<PolicyStatuses> PolicyStatuses::read(Context& context) {
    PolicyStatuses out;
    context.reconciler.read([&](const reconcile::View& view) {
        out.world_ = view.state.world();
        out.sources_ = view.state.sources();
        out.rules_ = view.image.rules;
        out.counters_ = view.counters;
    });
    for (const auto& [key, pod] : out.world_.pods) out.pods_of_[pod->namespace_].push_back(pod.get());
    for (const auto& [id, rule] : out.rules_)
        for (const auto& name : rule.policies) out.rules_of_[name].push_back(id);
    if (context.directory != nullptr)
        for (auto& file : context.directory->status())
            if (file.error) out.refused_.push_back(std::move(file));
    WEFT_TRY(counts, maps::rule_counts(context.pins));
    out.counts_ = std::move(counts);
    return out;
}

// Most policies are of one namespace, and there may be very many of both.
void PolicyStatuses::select(const policy::PodSet& subject, std::vector<const policy::Pod*>& out) const {
    const auto look = [&](const std::vector<const policy::Pod*>& pods) {
        std::ranges::copy_if(pods, std::back_inserter(out),
                             [&](const policy::Pod* pod) { return policy::selects(world_, subject, *pod); });
    };
    if (!subject.namespace_) {
        for (const auto& [name, pods] : pods_of_) look(pods);
    } else if (const auto at = pods_of_.find(*subject.namespace_); at != pods_of_.end()) {
        look(at->second);
    }
}

PolicyStatuses::Selected PolicyStatuses::selected_by(const policy::Policy& policy) const {
    Selected out;
    std::vector<const policy::Pod*> pods;
    bool this_node = false;
    for (const auto& spec : policy.specs) {
        select(spec.subject, pods);
        out.nodes |= spec.nodes.has_value();
        this_node |= policy::selects_own_node(world_, spec);
    }
    std::ranges::sort(pods);
    pods.erase(std::ranges::unique(pods).begin(), pods.end());
    out.known = pods.size();
    out.here =
        static_cast<std::size_t>(std::ranges::count_if(pods, [](const auto* pod) { return pod->endpoint != 0; }));
    if (this_node) ++out.here;
    return out;
}

Json PolicyStatuses::rules_of(const policy::PolicyName& name) const {
    Json out = Json::array();
    if (const auto at = rules_of_.find(name); at != rules_of_.end())
        for (const auto id : at->second) out.push_back(counted_rule_json(id, rules_.at(id), counts_));
    return out;
}

Json PolicyStatuses::of(const policy::PolicyName& name) const {
    const auto policy = world_.policies.find(name);
    const auto source = sources_.find(name);
    if (policy == world_.policies.end() || source == sources_.end()) return nullptr;
    const auto pods = selected_by(*policy->second);
    Json out{{"kind", name.kind},
             {"namespace", name.namespace_},
             {"name", name.name},
             {"source", source->second},
             {"accepted", true},
             {"mode", policy->second->audit ? "audit" : "enforce"},
             {"programmed", pods.here != 0},
             {"endpoints", pods.here},
             {"pods", pods.known},
             {"revision", counters_.revision},
             {"generation", counters_.generation},
             {"epoch", counters_.epoch},
             {"rules", rules_of(name)},
             {"reason", ""}};
    if (pods.here == 0)
        out["reason"] = pods.nodes        ? "it does not select this node"
                        : pods.known == 0 ? "it selects no pod that is known"
                                          : "it selects no pod of this node";
    return out;
}

Json PolicyStatuses::all() const {
    Json out = Json::array();
    for (const auto& [name, policy] : world_.policies)
        if (auto status = of(name); !status.is_null()) out.push_back(std::move(status));
    for (const auto& file : refused_) out.push_back(refusal_json(file));
    return out;
}

Result<Reply> policy_status(Context& context, const Call&) {
    WEFT_TRY(statuses, PolicyStatuses::read(context));
    return json_reply(statuses.all());
}

}  // namespace weft::api
