// Nothing is accepted and ignored: every field of an example of every kind of policy is misspelt, taken out and given
// other values. The outcome is a refusal with the place, or another policy, or the field is one of those that are
// documented to say nothing (kSaysNothing).
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

// Each has every field that its kind may have, as far as they go together.
const char* const kExamples[] = {
    R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",
        "metadata":{"name":"p","namespace":"red","annotations":{"weft.io/mode":"audit","weft.io/log":"false"}},
        "spec":{"podSelector":{"matchLabels":{"app":"a"},
                "matchExpressions":[{"key":"tier","operator":"In","values":["x","y"]}]},
          "policyTypes":["Ingress","Egress"],
          "ingress":[{"from":[{"podSelector":{"matchLabels":{"b":"c"}},"namespaceSelector":{"matchLabels":{"d":"e"}}},
            {"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}}],
            "ports":[{"protocol":"UDP","port":80,"endPort":90},{"port":"web"}]}],
          "egress":[{"to":[{"namespaceSelector":{}}],"ports":[{"protocol":"SCTP","port":9}]}]}})",
    R"({"apiVersion":"policy.networking.k8s.io/v1alpha2","kind":"ClusterNetworkPolicy","metadata":{"name":"p"},
        "spec":{"tier":"Admin","priority":7,
          "subject":{"pods":{"namespaceSelector":{"matchLabels":{"a":"b"}},"podSelector":{"matchLabels":{"c":"d"}}}},
          "ingress":[{"name":"one","action":"Deny",
            "from":[{"namespaces":{"matchLabels":{"e":"f"}}},{"pods":{"namespaceSelector":{},"podSelector":{}}}],
            "protocols":[{"tcp":{"destinationPort":{"number":80}}},{"udp":{"destinationPort":{"range":{"start":1,"end":9}}}},
              {"destinationNamedPort":"web"}]}],
          "egress":[{"action":"Accept","to":[{"nodes":{"matchLabels":{"g":"h"}}},{"networks":["192.0.2.0/24"]}]}]}})",
    R"({"apiVersion":"policy.networking.k8s.io/v1alpha1","kind":"AdminNetworkPolicy","metadata":{"name":"p"},
        "spec":{"priority":7,"subject":{"namespaces":{"matchLabels":{"a":"b"}}},
          "ingress":[{"name":"one","action":"Pass","from":[{"namespaces":{"matchLabels":{"e":"f"}}}],
            "ports":[{"portNumber":{"protocol":"TCP","port":80}},{"portRange":{"protocol":"UDP","start":1,"end":9}},
              {"namedPort":"web"}]}],
          "egress":[{"action":"Deny","to":[{"networks":["192.0.2.0/24"]}]}]}})",
    R"({"apiVersion":"policy.networking.k8s.io/v1alpha1","kind":"BaselineAdminNetworkPolicy","metadata":{"name":"default"},
        "spec":{"subject":{"namespaces":{"matchLabels":{"a":"b"}}},
          "ingress":[{"name":"one","action":"Deny","from":[{"namespaces":{"matchLabels":{"e":"f"}}}],
            "ports":[{"portNumber":{"protocol":"TCP","port":80}}]}]}})",
    R"({"apiVersion":"cilium.io/v2","kind":"CiliumNetworkPolicy","metadata":{"name":"p","namespace":"red"},
        "spec":{"endpointSelector":{"matchLabels":{"a":"b"}},"description":"why","labels":[{"key":"k","value":"v"}],
          "log":{"value":"team"},"enableDefaultDeny":{"ingress":false,"egress":false},
          "ingress":[{"fromEndpoints":[{"matchLabels":{"c":"d"}}],"fromRequires":[{"matchLabels":{"e":"f"}}],
            "toPorts":[{"ports":[{"port":"80","endPort":90,"protocol":"TCP"},{"port":"web"}]}]},
            {"fromEntities":["world"]},{"fromCIDR":["10.0.0.0/8"]},
            {"fromEndpoints":[{"matchLabels":{"c":"d"}}],"icmps":[{"fields":[{"family":"IPv6","type":"EchoRequest"},{"type":13}]}]}],
          "ingressDeny":[{"fromCIDRSet":[{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]},
            {"cidrGroupRef":"g"},{"cidrGroupSelector":{"matchLabels":{"i":"j"}}}]}],
          "egress":[{"toNodes":[{"matchLabels":{"k":"l"}}]},{"toEndpoints":[{}],"toRequires":[{"matchLabels":{"m":"n"}}]}],
          "egressDeny":[{"toEntities":["host"]},{"toCIDR":["10.0.0.0/8"]}]}})",
    R"({"apiVersion":"cilium.io/v2","kind":"CiliumClusterwideNetworkPolicy","metadata":{"name":"p"},
        "specs":[{"endpointSelector":{"matchLabels":{"a":"b"}},"ingress":[{"fromEntities":["cluster"]}]},
          {"nodeSelector":{"matchLabels":{"c":"d"}},"egressDeny":[{"toEntities":["world"]}]}]})"};

// Fields without a meaning for what is enforced (docs/policy.md, "Fields that say nothing").
constexpr std::string_view kSaysNothing[] = {"/spec/description", "/spec/labels", "/spec/ingress/0/name"};

// All that the policy says.
std::string meaning(const Policy& policy) {
    std::string out = fmt::format("{} {} {}\n", policy.name.text(), policy.audit, policy.logged);
    for (const auto& spec : policy.specs) {
        out += fmt::format("{} {} {} {}\n", spec.subject_text(), spec.isolates[0], spec.isolates[1], spec.log);
        for (const auto& rule : spec.rules) out += fmt::format("{} {} {}\n", rule.place(), rule.priority, rule.text());
    }
    return out;
}

// Every member and element, as pointers.
void places_of(const Json& value, const Json::json_pointer& at, std::vector<Json::json_pointer>& out) {
    if (!value.is_structured()) return;
    for (const auto& [key, member] : value.items()) {
        const auto place = value.is_array() ? at / static_cast<std::size_t>(std::stoul(key)) : at / key;
        out.push_back(place);
        places_of(member, place, out);
    }
}

class Mutations {
  public:
    explicit Mutations(const char* text)
        : object_(json(text)), meaning_(meaning(std::get<Policy>(parse_object(JsonView(object_)).value()))) {}

    void run() {
        std::vector<Json::json_pointer> places;
        places_of(object_, Json::json_pointer(), places);
        for (const auto& place : places) {
            take_out(place);
            misspell(place);
            for (const Json& value :
                 {Json(true), Json(-1), Json(99999), Json("~"), Json("Deny"), Json("10.9.0.0/16"), Json::array(),
                  Json::object(), Json::array({Json::object()}), Json::object({{"~", 1}}), Json::array({7})}) {
                Json changed = object_;
                changed[place] = value;
                if (changed != object_) check(changed, place, "becomes " + to_line(value));
            }
        }
        EXPECT_GT(refused_, 0U);
        EXPECT_GT(different_, 0U);
    }

  private:
    void take_out(const Json::json_pointer& place) {
        Json changed = object_;
        auto& parent = changed[place.parent_pointer()];
        if (parent.is_array())
            parent.erase(std::stoul(place.back()));
        else
            parent.erase(place.back());
        check(changed, place, "is taken out");
    }

    void misspell(const Json::json_pointer& place) {
        Json changed = object_;
        auto& parent = changed[place.parent_pointer()];
        if (!parent.is_object()) return;
        parent[place.back() + "x"] = parent[place.back()];
        parent.erase(place.back());
        check(changed, place, "is misspelt");
    }

    void check(const Json& changed, const Json::json_pointer& place, const std::string& how) {
        const auto parsed = parse_object(JsonView(changed));
        if (!parsed) {
            ++refused_;
            EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
            EXPECT_TRUE(parsed.error().path.starts_with("$")) << place << ' ' << how << ": " << parsed.error().text();
            return;
        }
        if (meaning(std::get<Policy>(*parsed)) != meaning_) {
            ++different_;
            return;
        }
        const auto text = place.to_string();
        const bool says_nothing =
            std::ranges::any_of(kSaysNothing, [&](std::string_view prefix) { return text.starts_with(prefix); });
        EXPECT_TRUE(says_nothing || is_default(place, how))
            << object_["kind"] << ' ' << place << ' ' << how << " and nothing changes";
    }

    // Taken out (or a list emptied), it has the value that the specification gives it then.
    bool is_default(const Json::json_pointer& place, const std::string& how) const {
        const auto text = place.to_string();
        if (text.ends_with("/policyTypes")) return how == "is taken out" || how == "becomes []";
        return how == "is taken out" && text.ends_with("/protocol") && object_[place] == "TCP";
    }

    Json object_;
    std::string meaning_;
    std::size_t refused_ = 0, different_ = 0;
};

TEST(Mutation, OfEveryFieldOfEveryKindIsRefusedOrMeansSomethingElse) {
    for (const auto* text : kExamples) Mutations(text).run();
}

}  // namespace
}  // namespace weft::policy::test
