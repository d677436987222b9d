#include "policy/recommend.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <ranges>
#include <set>

#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/memory_numbers.hpp"
#include "policy/parse.hpp"

namespace weft::policy {

namespace {

// Labels that tell the copies of one workload, or its versions, apart.
constexpr std::string_view kOfOnePod[] = {"pod-template-hash",
                                          "controller-revision-hash",
                                          "pod-template-generation",
                                          "statefulset.kubernetes.io/pod-name",
                                          "apps.kubernetes.io/pod-index",
                                          "controller-uid",
                                          "batch.kubernetes.io/controller-uid",
                                          "batch.kubernetes.io/job-completion-index"};

struct Group {
    std::string namespace_;
    Labels labels;
    friend auto operator<=>(const Group&, const Group&) = default;
};

Group group_of(const FlowEnd& end) {
    Group out{end.namespace_, end.labels};
    for (const auto key : kOfOnePod)
        if (const auto at = out.labels.find(key); at != out.labels.end()) out.labels.erase(at);
    return out;
}

// Pods, or an address.
struct Party {
    Group group;
    std::optional<IpAddr> ip;
    friend auto operator<=>(const Party&, const Party&) = default;
};

Party party_of(const FlowEnd& end) {
    return end.is_pod() ? Party{group_of(end), {}} : Party{{}, end.ip};
}

using Port = std::pair<std::uint8_t, std::uint16_t>;
using PortSet = std::set<Port>;
// By Direction: the ports of each peer.
using Seen = std::array<std::map<Party, PortSet>, 2>;

// Two halves of a prefix become the prefix, until there are none.
std::set<Cidr> joined(const std::set<IpAddr>& addresses) {
    std::set<Cidr> out;
    for (const auto& ip : addresses) {
        auto block = Cidr::of(ip, ip.bits());
        while (block.length > 0) {
            const auto whole = Cidr::of(block.address, block.length - 1);
            const auto size = ip.bits() - block.length;
            const auto other = block.address == whole.address && size < 64
                                   ? Cidr::of(block.address.plus(std::uint64_t{1} << size), block.length)
                                   : Cidr::of(whole.address, block.length);
            if (other == block || out.erase(other) == 0) break;
            block = whole;
        }
        out.insert(block);
    }
    return out;
}

Json selector_json(const Labels& labels) {
    return labels.empty() ? Json::object() : Json{{"matchLabels", labels}};
}

// Another's labels select these pods too.
bool is_within(const Party& party, const std::vector<Party>& parties) {
    return std::ranges::any_of(parties, [&](const Party& other) {
        return !party.ip && !other.ip && other.group.namespace_ == party.group.namespace_ &&
               other.group.labels != party.group.labels &&
               std::ranges::includes(party.group.labels, other.group.labels);
    });
}

Json peers_json(const std::vector<Party>& parties, const std::string& own) {
    Json out = Json::array();
    std::set<IpAddr> addresses;
    for (const auto& party : parties) {
        if (is_within(party, parties)) continue;
        if (party.ip) {
            addresses.insert(*party.ip);
            continue;
        }
        Json peer{{"podSelector", selector_json(party.group.labels)}};
        if (party.group.namespace_ != own)
            peer["namespaceSelector"]["matchLabels"][std::string(kNamespaceNameLabel)] = party.group.namespace_;
        out.push_back(std::move(peer));
    }
    for (const auto& block : joined(addresses)) out.push_back({{"ipBlock", {{"cidr", block.text()}}}});
    return out;
}

Json ports_json(const PortSet& ports) {
    Json out = Json::array();
    for (const auto& [protocol, port] : ports)
        out.push_back({{"protocol", protocol == kTcp ? "TCP" : protocol == kUdp ? "UDP" : "SCTP"}, {"port", port}});
    return out;
}

Json rules_json(const std::map<Party, PortSet>& peers, std::string_view peers_field, const std::string& own) {
    std::map<PortSet, std::vector<Party>> by_ports;
    for (const auto& [party, ports] : peers) by_ports[ports].push_back(party);
    Json out = Json::array();
    for (const auto& [ports, parties] : by_ports)
        out.push_back({{peers_field, peers_json(parties, own)}, {"ports", ports_json(ports)}});
    return out;
}

// "recommended-web", from the label that names the workload, made unique within the namespace.
std::string name_for(const Group& group, std::set<std::pair<std::string, std::string>>& taken) {
    std::string base = "recommended";
    for (const auto* key : {"app.kubernetes.io/name", "app", "k8s-app", "run", "name"}) {
        const auto at = group.labels.find(key);
        if (at == group.labels.end()) continue;
        std::string word = at->second;
        for (auto& c : word)
            c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? static_cast<char>(std::tolower(c)) : '-';
        while (!word.empty() && word.back() == '-') word.pop_back();
        while (!word.empty() && word.front() == '-') word.erase(0, 1);
        if (!word.empty()) base += "-" + word;
        break;
    }
    auto name = base;
    for (int i = 2; !taken.emplace(group.namespace_, name).second; ++i) name = fmt::format("{}-{}", base, i);
    return name;
}

Json policy_json(const Group& group, const std::string& name, const Seen& seen, const RecommendOptions& options) {
    Json spec{{"podSelector", selector_json(group.labels)}, {"policyTypes", Json::array()}};
    if (options.ingress) {
        spec["policyTypes"].push_back("Ingress");
        spec["ingress"] = rules_json(seen[1], "from", group.namespace_);
    }
    if (options.egress) {
        spec["policyTypes"].push_back("Egress");
        spec["egress"] = rules_json(seen[0], "to", group.namespace_);
    }
    return {{"apiVersion", "networking.k8s.io/v1"},
            {"kind", "NetworkPolicy"},
            {"metadata", {{"name", name}, {"namespace", group.namespace_}}},
            {"spec", std::move(spec)}};
}

// Who had each address last.
std::map<IpAddr, const FlowEnd*> owners_of(const std::vector<ObservedFlow>& flows) {
    std::map<IpAddr, const FlowEnd*> out;
    for (const auto& flow : flows | std::views::reverse)
        for (const auto* end : {&flow.source, &flow.destination}) out.try_emplace(end->ip, end);
    return out;
}

void put_end(World& world, const FlowEnd& end, std::uint32_t number) {
    if (end.is_pod()) {
        Pod pod;
        pod.namespace_ = end.namespace_;
        pod.name = fmt::format("{}-{}", end.pod, number);  // it may have several addresses
        pod.labels = end.labels;
        pod.addresses = {end.ip};
        pod.endpoint = number;
        world.put(std::move(pod));
    } else if (end.identity == kIdentityHost) {
        world.node.host_addresses.push_back(end.ip);
    } else if (end.identity == kIdentityRemoteNode) {
        world.node.remote_nodes.push_back(end.ip);
    } else if (end.identity == kIdentityKubeApiserver) {
        world.node.kube_apiservers.push_back(end.ip);
    }
}

Result<void> replay(const std::set<ObservedFlow>& flows, const std::map<IpAddr, const FlowEnd*>& owners,
                    Recommendation& out) {
    World world;
    std::uint32_t number = 0;
    for (const auto& [ip, end] : owners) put_end(world, *end, ++number);
    for (const auto& object : out.policies) {
        WEFT_TRY(policy, parse_network_policy(JsonView(object)));
        world.put(std::move(policy));
    }
    MemoryNumbers numbers;
    WEFT_TRY(image, compile(world, numbers));
    for (const auto& flow : flows) {
        WEFT_TRY(said, explain(image, flow.source.ip, flow.destination.ip, flow.protocol, flow.port));
        ++out.replayed;
        if (!said.allow)
            out.denied.push_back(fmt::format("{} -> {} {}/{}", flow.source.ip.text(), flow.destination.ip.text(),
                                             flow.protocol, flow.port));
    }
    return {};
}

std::map<Group, Seen> seen_by(const std::set<ObservedFlow>& flows, const RecommendOptions& options) {
    std::map<Group, Seen> out;
    const auto wanted = [&](const FlowEnd& end) {
        return end.is_pod() && (options.only_namespace.empty() || end.namespace_ == options.only_namespace);
    };
    for (const auto& flow : flows) {
        const Port port{flow.protocol, flow.port};
        if (wanted(flow.source)) out[group_of(flow.source)][0][party_of(flow.destination)].insert(port);
        if (!wanted(flow.destination)) continue;
        auto& seen = out[group_of(flow.destination)][1];
        // What the node sends to its pods passes whatever the policies say.
        if (flow.source.identity != kIdentityHost) seen[party_of(flow.source)].insert(port);
    }
    return out;
}

}  // namespace

Result<Recommendation> recommend(const std::vector<ObservedFlow>& flows, const RecommendOptions& options) {
    Recommendation out;
    const auto owners = owners_of(flows);
    std::set<ObservedFlow> kept;
    for (const auto& flow : flows) {
        const bool current =
            *owners.at(flow.source.ip) == flow.source && *owners.at(flow.destination.ip) == flow.destination;
        if (current)
            kept.insert(flow);
        else
            ++out.other_owner;
    }
    std::set<std::pair<std::string, std::string>> names;
    for (const auto& [group, seen] : seen_by(kept, options)) {
        if (group.labels.empty()) {
            out.unlabelled.insert(group.namespace_);
            continue;
        }
        for (const auto& peers : seen)
            for (const auto& [party, ports] : peers)
                if (!party.ip && party.group.labels.empty()) out.unlabelled_peers.insert(party.group.namespace_);
        out.policies.push_back(policy_json(group, name_for(group, names), seen, options));
    }
    WEFT_CHECK(replay(kept, owners, out));
    return out;
}

}  // namespace weft::policy
