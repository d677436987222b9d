#include "policy/label_sets.hpp"

#include <unordered_map>

namespace weft::policy {

namespace {

// What ends and separates the parts of a set's key; no valid label has these characters.
constexpr std::string_view kSeparators = "=,|";

Result<void> append(const Labels& labels, std::string& out) {
    for (const auto& [key, value] : labels) {
        if (key.find_first_of(kSeparators) != key.npos || value.find_first_of(kSeparators) != value.npos)
            return fail(ErrorCode::kInvalid, "'{}={}' is not a label", key.substr(0, 64), value.substr(0, 64));
        out.append(key).append(1, '=').append(value).append(1, ',');
    }
    return {};
}

NamespaceLabels namespace_of(const World& world, const std::string& name) {
    if (const auto at = world.namespaces.find(name); at != world.namespaces.end()) return {name, at->second->labels};
    return {name, {{std::string(kNamespaceNameLabel), name}}};
}

class Collector {
  public:
    Collector(const World& world, Numbers& numbers) : world_(world), numbers_(numbers) {}

    Result<LabelSets> run() {
        out_.pods.reserve(world_.pods.size());
        set_of_identity_.reserve(world_.pods.size());
        for (const auto& [key, pod] : world_.pods) {
            if (pod->host_network) continue;
            auto set = set_of(*pod);
            if (!set) return wrap(set.error(), fmt::format("pod {}", key));
            out_.pods.push_back({pod.get(), *set});
        }
        return std::move(out_);
    }

  private:
    Result<std::uint32_t> set_of(const Pod& pod) {
        WEFT_TRY(in, enter(pod.namespace_));
        key_.assign(namespace_keys_[in]);
        WEFT_CHECK(append(pod.labels, key_));
        WEFT_TRY(identity, numbers_.number(NumberKind::kIdentity, key_));
        const auto [at, is_new] = set_of_identity_.try_emplace(identity, static_cast<std::uint32_t>(out_.sets.size()));
        if (is_new) out_.sets.push_back({in, &pod.labels, identity});
        return at->second;
    }

    Result<std::uint32_t> enter(const std::string& name) {
        const auto [at, is_new] = namespaces_.try_emplace(name, static_cast<std::uint32_t>(out_.namespaces.size()));
        if (is_new) {
            out_.namespaces.push_back(namespace_of(world_, name));
            std::string key = name + "|";
            WEFT_CHECK(append(out_.namespaces.back().labels, key));
            namespace_keys_.push_back(key + "|");
        }
        return at->second;
    }

    const World& world_;
    Numbers& numbers_;
    LabelSets out_;
    std::unordered_map<std::string, std::uint32_t> namespaces_;
    std::vector<std::string> namespace_keys_;
    std::unordered_map<std::uint32_t, std::uint32_t> set_of_identity_;
    std::string key_;
};

}  // namespace

Result<LabelSets> collect_label_sets(const World& world, Numbers& numbers) {
    return Collector(world, numbers).run();
}

std::map<std::string, std::string> identity_labels(const LabelSet& set, const NamespaceLabels& in) {
    std::map<std::string, std::string> out;
    for (const auto& [key, value] : in.labels)
        out.emplace_hint(out.end(), "k8s:io.cilium.k8s.namespace.labels." + key, value);
    out.emplace("k8s:io.kubernetes.pod.namespace", in.name);
    for (const auto& [key, value] : *set.labels) out.emplace_hint(out.end(), "k8s:" + key, value);
    return out;
}

}  // namespace weft::policy
