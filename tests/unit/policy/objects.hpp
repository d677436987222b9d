// Short ways to write objects in tests. Each fails the test (by throwing in the initializer of a test, as value() does)
// when the text is wrong.
#pragma once

#include "policy/parse.hpp"
#include "policy/world.hpp"

namespace weft::policy::test {

inline Json json(const std::string& text) {
    return parse_json(text).value();
}

inline Policy network_policy(const std::string& namespace_, const std::string& name, const std::string& spec) {
    const Json object{{"apiVersion", "networking.k8s.io/v1"},
                      {"kind", "NetworkPolicy"},
                      {"metadata", {{"namespace", namespace_}, {"name", name}}},
                      {"spec", json(spec)}};
    return parse_network_policy(JsonView(object)).value();
}

inline Pod pod(const std::string& namespace_, const std::string& name, const std::string& ip, Labels labels = {},
               std::uint32_t endpoint = 0) {
    Pod out;
    out.namespace_ = namespace_;
    out.name = name;
    out.labels = std::move(labels);
    out.addresses = {IpAddr::parse(ip).value()};
    out.endpoint = endpoint;
    return out;
}

inline Namespace space(const std::string& name, Labels labels = {}) {
    labels[std::string(kNamespaceNameLabel)] = name;
    return {name, std::move(labels)};
}

inline IpAddr ip(const std::string& text) {
    return IpAddr::parse(text).value();
}
inline Cidr cidr(const std::string& text) {
    return Cidr::parse(text).value();
}

}  // namespace weft::policy::test
