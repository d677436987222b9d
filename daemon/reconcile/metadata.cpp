#include "daemon/reconcile/metadata.hpp"

#include "policy/rule_json.hpp"

namespace weft::reconcile {

namespace {

using Line = std::shared_ptr<const std::string>;

Line as_line(const Json& value) {
    return std::make_shared<const std::string>(to_line(value) + "\n");
}

Json identity_json(std::uint32_t id, const policy::IdentityLabels& labels) {
    return {{"type", "identity"}, {"op", "add"}, {"id", id}, {"labels", labels.text()}};
}

Json rule_line(std::uint32_t id, const policy::RuleInfo& rule) {
    Json out = policy::rule_json(id, rule);
    out["type"] = "rule";
    out["op"] = "add";
    return out;
}

// Lines for what differs between two maps by number.
template <typename Value>
void removals(const std::map<std::uint32_t, Value>& before, const std::map<std::uint32_t, Value>& after,
              std::string_view type, std::vector<Line>& out) {
    for (const auto& [id, value] : before)
        if (!after.contains(id)) out.push_back(as_line({{"type", type}, {"op", "delete"}, {"id", id}}));
}
template <typename Value, typename Make>
void additions(const std::map<std::uint32_t, Value>& before, const std::map<std::uint32_t, Value>& after,
               const Make& make, std::vector<Line>& out) {
    for (const auto& [id, value] : after) {
        const auto old = before.find(id);
        if (old == before.end() || !(old->second == value)) out.push_back(as_line(make(id, value)));
    }
}
// The names among `touched` that are new or say something else now.
template <typename Value, typename Make>
void new_names(const std::map<std::uint32_t, Value>& now,
               const policy::ImageDelta::Before<std::uint32_t, Value>& touched, const Make& make,
               std::vector<Line>& out) {
    for (const auto& [id, before] : touched) {
        const auto at = now.find(id);
        if (at != now.end() && !(before && *before == at->second)) out.push_back(as_line(make(id, at->second)));
    }
}
// Those that are no more.
template <typename Value>
void gone_names(const std::map<std::uint32_t, Value>& now,
                const policy::ImageDelta::Before<std::uint32_t, Value>& touched, std::string_view type,
                std::vector<Line>& out) {
    for (const auto& [id, before] : touched)
        if (before && !now.contains(id)) out.push_back(as_line({{"type", type}, {"op", "delete"}, {"id", id}}));
}
// The other way round: what was not there before, and what said something else; what is lacking now has never been
// taken away.
template <typename Value, typename Make>
void old_names(const std::map<std::uint32_t, Value>& now,
               const policy::ImageDelta::Before<std::uint32_t, Value>& touched, std::string_view type, const Make& make,
               std::vector<Line>& out) {
    for (const auto& [id, before] : touched) {
        const auto at = now.find(id);
        if (at == now.end()) continue;
        if (!before)
            out.push_back(as_line({{"type", type}, {"op", "delete"}, {"id", id}}));
        else if (!(*before == at->second))
            out.push_back(as_line(make(id, *before)));
    }
}

}  // namespace

Subscription::Wait Subscription::next(std::string& line, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return closed_ || !lines_.empty(); });
    if (closed_) return Wait::kClosed;
    if (lines_.empty()) return Wait::kTimeout;
    line = *lines_.front();
    lines_.pop_front();
    return Wait::kLine;
}

bool Subscription::push(const Line& line) {
    const std::scoped_lock lock(mutex_);
    if (closed_) return true;
    if (lines_.size() >= limit_) {
        closed_ = true;
        lines_.clear();
    } else {
        lines_.push_back(line);
    }
    changed_.notify_one();
    return !closed_;
}

void Subscription::close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_one();
}

std::map<std::uint32_t, Feed::Shown> Feed::shown(const State& state, const policy::Image& image) {
    std::map<std::uint32_t, Shown> out;
    for (const auto& [id, endpoint] : state.endpoints()) {
        Shown entry{endpoint, nullptr, 0};
        if (const auto pod = state.world().pods.find(fmt::format("#{}", id)); pod != state.world().pods.end())
            entry.pod = pod->second;
        if (!endpoint->ips.empty())
            if (const auto at = image.addresses.find(endpoint->ips.front()); at != image.addresses.end())
                entry.identity = at->second.identity;
        out.emplace(id, std::move(entry));
    }
    return out;
}

void Feed::endpoint_changes(const std::map<std::uint32_t, Shown>& before, const std::map<std::uint32_t, Shown>& after,
                            Lines& out) {
    const auto make = [](std::uint32_t id, const Shown& entry) {
        Json ips = Json::array();
        for (const auto& ip : entry.endpoint->ips) ips.push_back(ip.text());
        return Json{{"type", "endpoint"},
                    {"op", "add"},
                    {"id", id},
                    {"namespace", entry.endpoint->pod_namespace},
                    {"pod", entry.endpoint->pod_name},
                    {"container_id", entry.endpoint->attachment.container_id},
                    {"ifname", entry.endpoint->attachment.ifname},
                    {"labels", entry.pod ? Json(entry.pod->labels) : Json::object()},
                    {"identity", entry.identity},
                    {"ips", std::move(ips)}};
    };
    removals(before, after, "endpoint", out);
    additions(before, after, make, out);
}

Result<std::shared_ptr<Subscription>> Feed::subscribe(const State& state, const policy::Image& image) {
    const std::scoped_lock lock(mutex_);
    drop_the_gone();
    if (subscribers_.size() >= kMaxSubscribers)
        return fail(ErrorCode::kExhausted, "{} clients read the metadata stream already", kMaxSubscribers);
    shown_ = shown(state, image);
    Lines lines{as_line({{"type", "node"}, {"name", node_name_}})};
    additions<policy::IdentityLabels>({}, image.identities, identity_json, lines);
    additions<policy::RuleInfo>({}, image.rules, rule_line, lines);
    endpoint_changes({}, shown_, lines);
    lines.push_back(as_line({{"type", "synced"}}));
    auto out = std::make_shared<Subscription>(queue_limit_ + lines.size());
    for (const auto& line : lines) out->push(line);
    subscribers_.push_back(out);
    return out;
}

void Feed::announce(const policy::Image& image, const policy::ImageDelta& delta) {
    const std::scoped_lock lock(mutex_);
    drop_the_gone();
    if (subscribers_.empty()) return;
    Lines lines;
    new_names(image.identities, delta.identities, identity_json, lines);
    new_names(image.rules, delta.rules, rule_line, lines);
    send(lines);
}

void Feed::withdraw(const policy::Image& image, const policy::ImageDelta& delta) {
    const std::scoped_lock lock(mutex_);
    drop_the_gone();
    if (subscribers_.empty()) return;
    Lines lines;
    old_names(image.identities, delta.identities, "identity", identity_json, lines);
    old_names(image.rules, delta.rules, "rule", rule_line, lines);
    send(lines);
}

void Feed::publish(const State& state, const policy::Image& image, const policy::ImageDelta& delta) {
    const std::scoped_lock lock(mutex_);
    drop_the_gone();
    if (subscribers_.empty()) return;
    Lines lines;
    gone_names(image.identities, delta.identities, "identity", lines);
    gone_names(image.rules, delta.rules, "rule", lines);
    auto now = shown(state, image);
    endpoint_changes(shown_, now, lines);
    shown_ = std::move(now);
    send(lines);
}

void Feed::send(const Lines& lines) {
    for (const auto& weak : subscribers_) {
        const auto subscriber = weak.lock();
        if (subscriber == nullptr) continue;
        for (const auto& line : lines) {
            if (subscriber->push(line)) continue;
            ++cut_off_;
            break;
        }
    }
}

void Feed::drop_the_gone() {
    std::erase_if(subscribers_, [](const auto& weak) { return weak.expired(); });
}

void Feed::close() {
    const std::scoped_lock lock(mutex_);
    for (const auto& weak : subscribers_)
        if (const auto subscriber = weak.lock()) subscriber->close();
}

std::size_t Feed::subscribers() {
    const std::scoped_lock lock(mutex_);
    drop_the_gone();
    return subscribers_.size();
}

}  // namespace weft::reconcile
