#include "hubble-lite/names.hpp"

#include <algorithm>
#include <limits>

#include "datapath/abi/endpoint.h"
#include "datapath/abi/policy.h"

namespace weft::hubble {

namespace {

constexpr std::int64_t kMaxNumber = 0xffffffff;

// Labels of Cilium's reserved identities, which weft shares (datapath/abi/types.h).
std::string_view reserved_label(std::uint32_t identity) {
    switch (identity) {
        case WEFT_IDENTITY_UNKNOWN:
            return "reserved:unknown";
        case WEFT_IDENTITY_HOST:
            return "reserved:host";
        case WEFT_IDENTITY_WORLD:
            return "reserved:world";
        case WEFT_IDENTITY_REMOTE_NODE:
            return "reserved:remote-node";
        case WEFT_IDENTITY_KUBE_APISERVER:
            return "reserved:kube-apiserver";
        default:
            return {};
    }
}

std::string prefixed(const std::string& key) {
    return key.starts_with("k8s:") || key.starts_with("reserved:") ? key : "k8s:" + key;
}

Result<std::vector<std::string>> read_labels(const JsonView& line) {
    std::vector<std::string> out;
    WEFT_TRY(labels, line.find("labels"));
    if (!labels) return out;
    WEFT_TRY(members, labels->object());
    for (const auto& [key, view] : members) {
        WEFT_TRY(value, view.string());
        out.push_back(value.empty() && key.starts_with("reserved:") ? key : prefixed(key) + "=" + value);
    }
    std::ranges::sort(out);
    return out;
}

Result<std::uint32_t> read_number(const JsonView& line, std::string_view name) {
    WEFT_TRY(view, line.member(name));
    WEFT_TRY(value, view.integer(0, kMaxNumber));
    return static_cast<std::uint32_t>(value);
}

Result<PolicyName> read_policy(const JsonView& view) {
    PolicyName out;
    WEFT_TRY(kind, view.string_or("kind", ""));
    WEFT_TRY(name_space, view.string_or("namespace", ""));
    WEFT_TRY(name, view.string_or("name", ""));
    return PolicyName{kind, name_space, name};
}

// Where the rule stands in its object and among the tiers, and how its policy wants it told.
Result<void> read_place(const JsonView& line, Rule& rule) {
    WEFT_TRY(path, line.string_or("path", ""));
    WEFT_TRY(tier, line.string_or("tier", ""));
    WEFT_TRY(priority, line.find("priority"));
    if (priority) {
        WEFT_TRY(value, priority->integer(0, std::numeric_limits<int>::max()));
        rule.priority = static_cast<int>(value);
    }
    WEFT_TRY(audit, line.boolean_or("audit", false));
    WEFT_TRY(log, line.string_or("log", ""));
    rule.audit = audit;
    rule.log = std::move(log);
    rule.path = std::move(path);
    rule.tier = std::move(tier);
    return {};
}

template <typename Map, typename Key, typename Now>
void mark_deleted(Map& map, const Key& key, Now now) {
    const auto at = map.find(key);
    if (at != map.end() && at->second.deleted == Now{}) at->second.deleted = now;
}

template <typename Map, typename Now>
void mark_unnamed(Map& map, std::uint64_t round, Now now) {
    for (auto& [key, entry] : map)
        if (entry.round != round && entry.deleted == Now{}) entry.deleted = now;
}

template <typename Map, typename Now>
bool erase_old(Map& map, Now limit) {
    return std::erase_if(
               map, [&](const auto& row) { return row.second.deleted != Now{} && row.second.deleted < limit; }) != 0;
}

template <typename Map>
Result<void> room_for(const Map& map, std::string_view what) {
    if (map.size() < Names::kMaxEntries) return {};
    return fail(ErrorCode::kExhausted, "more than {} {}", Names::kMaxEntries, what);
}

std::string value_of(const std::vector<std::string>& labels, std::string_view key) {
    for (const auto& label : labels)
        if (label.starts_with(key)) return label.substr(key.size());
    return {};
}

}  // namespace

void Names::begin() {
    const std::scoped_lock lock(mutex_);
    ++round_;
}

Result<void> Names::apply(std::string_view text, Clock::time_point now) {
    WEFT_TRY(json, parse_json(text, {.bytes = 1U << 20, .depth = 8}));
    const JsonView line(json);
    WEFT_TRY(type_view, line.member("type"));
    WEFT_TRY(type, type_view.string());
    const std::scoped_lock lock(mutex_);
    if (type == "synced") {
        synced(now);
        return {};
    }
    if (type == "node") {
        WEFT_TRY(name, line.string_or("name", ""));
        node_name_ = name;
        return {};
    }
    if (type != "endpoint" && type != "identity" && type != "rule") return {};
    WEFT_TRY(op_view, line.member("op"));
    WEFT_TRY(op, op_view.string());
    if (op != "add" && op != "delete") return op_view.error("expected add or delete");
    if (type == "endpoint") return apply_endpoint(line, op == "add", now);
    if (type == "identity") return apply_identity(line, op == "add", now);
    return apply_rule(line, op == "add", now);
}

Result<void> Names::apply_endpoint(const JsonView& line, bool add, Clock::time_point now) {
    WEFT_TRY(id, read_number(line, "id"));
    const auto forget_addresses = [&](const Endpoint& old) {
        for (const auto& ip : old.ips)
            if (const auto at = addresses_.find(ip); at != addresses_.end() && at->second.value.endpoint->id == id)
                mark_deleted(addresses_, ip, now);
    };
    const auto old = endpoints_.find(id);
    if (!add) {
        if (old == endpoints_.end()) return {};
        forget_addresses(*old->second.value);
        mark_deleted(endpoints_, id, now);
        return {};
    }
    WEFT_CHECK(room_for(endpoints_, "endpoints"));
    WEFT_CHECK(room_for(addresses_, "addresses"));
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->id = id;
    WEFT_TRY(identity, read_number(line, "identity"));
    WEFT_TRY(name_space, line.string_or("namespace", ""));
    WEFT_TRY(pod, line.string_or("pod", ""));
    WEFT_TRY(container_id, line.string_or("container_id", ""));
    WEFT_TRY(labels, read_labels(line));
    WEFT_TRY(ips, line.member("ips"));
    WEFT_TRY(ip_views, ips.array());
    for (const auto& view : ip_views) {
        WEFT_TRY(text, view.string());
        auto ip = IpAddr::parse(text);
        if (!ip) return view.error(ip.error().message);
        endpoint->ips.push_back(*ip);
    }
    endpoint->identity = identity;
    endpoint->name_space = std::move(name_space);
    endpoint->pod = std::move(pod);
    endpoint->container_id = std::move(container_id);
    endpoint->labels = std::move(labels);
    if (old != endpoints_.end()) forget_addresses(*old->second.value);
    for (const auto& ip : endpoint->ips) addresses_[ip] = {{endpoint, 0, nullptr}, round_, {}};
    endpoints_[id] = {endpoint, round_, {}};
    return {};
}

Result<void> Names::apply_identity(const JsonView& line, bool add, Clock::time_point now) {
    WEFT_TRY(id, read_number(line, "id"));
    if (!add) {
        mark_deleted(identities_, id, now);
        return {};
    }
    WEFT_CHECK(room_for(identities_, "identities"));
    WEFT_TRY(labels, read_labels(line));
    const auto old = identities_.find(id);
    const bool same = old != identities_.end() && *old->second.value == labels;
    identities_[id] = {std::make_shared<const std::vector<std::string>>(std::move(labels)), round_, {}};
    if (same) return {};
    identity_peers_.erase(id);
    for (auto& [ip, at] : addresses_)
        if (at.value.identity == id) at.value.peer.reset();
    return {};
}

Result<void> Names::apply_rule(const JsonView& line, bool add, Clock::time_point now) {
    WEFT_TRY(id, read_number(line, "id"));
    if (!add) {
        mark_deleted(rules_, id, now);
        return {};
    }
    WEFT_CHECK(room_for(rules_, "rules"));
    auto rule = std::make_shared<Rule>();
    rule->id = id;
    WEFT_TRY(direction, line.string_or("direction", "ingress"));
    rule->egress = direction == "egress";
    WEFT_TRY(default_deny, line.boolean_or("default_deny", false));
    rule->default_deny = default_deny;
    WEFT_TRY(index, line.find("index"));
    if (index) {
        WEFT_TRY(value, index->integer(-1, WEFT_MAX_RULES));
        rule->index = static_cast<int>(value);
    }
    WEFT_TRY(policies, line.find("policies"));
    if (policies) {
        WEFT_TRY(views, policies->array());
        for (const auto& view : views) {
            WEFT_TRY(policy, read_policy(view));
            rule->policies.push_back(std::move(policy));
        }
    }
    if (rule->policies.empty()) {
        WEFT_TRY(policy, read_policy(line));
        if (!policy.name.empty()) rule->policies.push_back(std::move(policy));
    }
    WEFT_CHECK(read_place(line, *rule));
    rules_[id] = {std::move(rule), round_, {}};
    rule_came_.notify_all();
    return {};
}

void Names::synced(Clock::time_point now) {
    mark_unnamed(endpoints_, round_, now);
    mark_unnamed(addresses_, round_, now);
    mark_unnamed(identities_, round_, now);
    mark_unnamed(rules_, round_, now);
}

void Names::purge(Clock::time_point now) {
    const std::scoped_lock lock(mutex_);
    const auto limit = now - kKeepDeleted;
    erase_old(endpoints_, limit);
    erase_old(addresses_, limit);
    erase_old(rules_, limit);
    if (erase_old(identities_, limit)) identity_peers_.clear();
}

std::shared_ptr<const Peer> Names::make_peer(const Endpoint* endpoint, std::uint32_t identity) const {
    auto peer = std::make_shared<Peer>();
    if (endpoint != nullptr) {
        peer->pod_namespace = endpoint->name_space;
        peer->pod = endpoint->pod;
        peer->container_id = endpoint->container_id;
        peer->labels = endpoint->labels;
    }
    constexpr std::string_view kNamespace = "k8s:io.kubernetes.pod.namespace=";
    if (const auto at = identities_.find(identity); at != identities_.end()) {
        peer->labels = *at->second.value;
        if (peer->pod_namespace.empty()) peer->pod_namespace = value_of(peer->labels, kNamespace);
    } else if (const auto label = reserved_label(identity); !label.empty() && endpoint == nullptr) {
        peer->labels = {std::string(label)};
    } else if (endpoint != nullptr && !peer->pod_namespace.empty() && value_of(peer->labels, kNamespace).empty()) {
        peer->labels.push_back(std::string(kNamespace) + peer->pod_namespace);
    } else if (endpoint == nullptr) {
        return nullptr;
    }
    return peer;
}

std::shared_ptr<const Peer> Names::peer(const IpAddr& address, std::uint32_t identity) {
    const std::scoped_lock lock(mutex_);
    if (const auto at = addresses_.find(address); at != addresses_.end()) {
        auto& entry = at->second.value;
        const std::uint32_t of = identity != 0 ? identity : entry.endpoint->identity;
        if (!entry.peer || entry.identity != of) {
            entry.identity = of;
            entry.peer = make_peer(entry.endpoint.get(), of);
        }
        return entry.peer;
    }
    if (const auto at = identity_peers_.find(identity); at != identity_peers_.end()) return at->second;
    auto made = make_peer(nullptr, identity);
    if (made) identity_peers_[identity] = made;
    return made;
}

std::shared_ptr<const Rule> Names::rule(std::uint32_t id, Clock::duration patience) {
    if (id == 0) return nullptr;
    std::unique_lock lock(mutex_);
    if (patience > Clock::duration{}) rule_came_.wait_for(lock, patience, [&] { return rules_.contains(id); });
    const auto at = rules_.find(id);
    return at == rules_.end() ? nullptr : at->second.value;
}

std::string Names::node_name() {
    const std::scoped_lock lock(mutex_);
    return node_name_;
}

Names::Counts Names::counts() {
    const std::scoped_lock lock(mutex_);
    return {endpoints_.size(), identities_.size(), rules_.size()};
}

}  // namespace weft::hubble
