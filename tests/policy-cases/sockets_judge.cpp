#include "tests/policy-cases/sockets_judge.hpp"

namespace weft::test {

using policy::test::CaseVerdict;
using policy::test::CaseWorld;
using policy::test::Probe;

namespace {

CaseVerdict verdict_of(const ProbeOutcome& outcome) {
    CaseVerdict out;
    out.combined = outcome.answered;
    if (outcome.answered) {
        out.egress = out.ingress = true;
        if (outcome.denied) out.fault = "answered, and yet a policy dropped a packet of it";
    } else if (outcome.denied) {
        out.egress = *outcome.denied != WEFT_EGRESS;
        if (*outcome.denied == WEFT_INGRESS) out.ingress = false;
    } else {
        out.fault = "no answer, and no policy that dropped it";
    }
    if (!outcome.error.empty()) out.fault += (out.fault.empty() ? "" : ": ") + outcome.error;
    return out;
}

}  // namespace

Result<std::unique_ptr<SocketsJudge>> SocketsJudge::start(const CaseNodeOptions& options) {
    WEFT_TRY(node, CaseNode::start(options));
    WEFT_TRY(prober, Prober::open(node.pins()));
    return std::unique_ptr<SocketsJudge>(new SocketsJudge(std::move(node), std::move(prober)));
}

// Pods that go first, so that their addresses are free; new pods last, so that their policies wait for them.
Result<void> SocketsJudge::apply(const CaseWorld& world) {
    WEFT_CHECK(remove_pods(world.world()));
    WEFT_CHECK(change_objects(world.objects()));
    return add_pods(world.world());
}

Result<void> SocketsJudge::remove_pods(const policy::World& world) {
    for (auto at = pods_.begin(); at != pods_.end();) {
        const auto wanted = world.pods.find(at->first);
        if (wanted != world.pods.end() && wanted->second->addresses == at->second) {
            ++at;
            continue;
        }
        prober_->remove_pod(at->first);
        WEFT_CHECK(node_.remove_pod(at->first));
        at = pods_.erase(at);
    }
    return {};
}

Result<void> SocketsJudge::change_objects(const Objects& objects) {
    Json changed = Json::array();
    for (const auto& [name, object] : objects)
        if (const auto at = objects_.find(name); at == objects_.end() || at->second != object)
            changed.push_back(object);
    if (!changed.empty())
        WEFT_CHECK(node_.put({{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(changed)}}));
    for (const auto& [name, object] : objects_)
        if (!objects.contains(name)) WEFT_CHECK(node_.erase(name));
    objects_ = objects;
    return {};
}

Result<void> SocketsJudge::add_pods(const policy::World& world) {
    for (const auto& [key, pod] : world.pods) {
        if (pods_.contains(key)) continue;
        WEFT_CHECK(pod->host_network ? node_.add_node(key, pod->addresses) : node_.add_pod(key, pod->addresses));
        prober_->add_pod(key, node_.pod(key), pod->addresses);
        pods_[key] = pod->addresses;
    }
    return {};
}

// A single datagram may be lost where no policy is to blame, above all by a device that is a moment old (its queue is
// started by a kernel worker). What gets neither answer nor denial twice is a fault.
Result<void> SocketsJudge::ask_again(std::span<const ProbeRequest> requests, std::vector<ProbeOutcome>& outcomes) {
    std::vector<std::size_t> silent;
    std::vector<ProbeRequest> again;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i].answered || outcomes[i].denied || !outcomes[i].error.empty()) continue;
        silent.push_back(i);
        again.push_back(requests[i]);
    }
    if (silent.empty()) return {};
    WEFT_TRY(second, prober_->run(again));
    for (std::size_t i = 0; i < silent.size(); ++i) outcomes[silent[i]] = std::move(second[i]);
    return {};
}

Result<std::vector<CaseVerdict>> SocketsJudge::judge(const CaseWorld& /*world*/, std::span<const Probe> probes) {
    std::vector<ProbeRequest> requests;
    for (const auto& probe : probes)
        requests.push_back({probe.source, probe.destination, probe.protocol, probe.port, probe.address});
    WEFT_TRY(outcomes, prober_->run(requests));
    WEFT_CHECK(ask_again(requests, outcomes));
    std::vector<CaseVerdict> out;
    for (const auto& outcome : outcomes) out.push_back(verdict_of(outcome));
    return out;
}

}  // namespace weft::test
