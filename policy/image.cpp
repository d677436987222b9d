#include "policy/image.hpp"

namespace weft::policy {

namespace {

bool same(const std::shared_ptr<const IdentityLabels::Map>& a, const std::shared_ptr<const IdentityLabels::Map>& b) {
    static const IdentityLabels::Map kNone;
    return a == b || (a ? *a : kNone) == (b ? *b : kNone);
}

}  // namespace

std::map<std::string, std::string> IdentityLabels::text() const {
    std::map<std::string, std::string> out;
    if (own && namespace_.empty()) out.insert(own->begin(), own->end());
    if (namespace_.empty()) return out;
    if (of_namespace)
        for (const auto& [key, value] : *of_namespace)
            out.emplace_hint(out.end(), "k8s:io.cilium.k8s.namespace.labels." + key, value);
    out.emplace("k8s:io.kubernetes.pod.namespace", namespace_);
    if (own)
        for (const auto& [key, value] : *own) out.emplace_hint(out.end(), "k8s:" + key, value);
    return out;
}

bool operator==(const IdentityLabels& a, const IdentityLabels& b) {
    return a.namespace_ == b.namespace_ && same(a.own, b.own) && same(a.of_namespace, b.of_namespace);
}

}  // namespace weft::policy
