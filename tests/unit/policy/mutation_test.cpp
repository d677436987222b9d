// Nothing is accepted and ignored: every field of an example of every kind of policy is misspelt, taken out and given
// other values. The outcome is a refusal with the place, or another policy, or the field is one of those that are
// documented to say nothing (kSaysNothing).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "common/yaml.hpp"
#include "policy/lint.hpp"
#include "tests/unit/policy/case_replay.hpp"
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
          "egress":[{"action":"Accept","to":[{"nodes":{"matchLabels":{"g":"h"}}},{"networks":["192.0.2.0/24"]}]},
            {"action":"Accept","to":[{"domainNames":["*.example.com"]}],"protocols":[{"sctp":{"destinationPort":{"number":9}}}]}]}})",
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
          "egress":[{"toNodes":[{"matchLabels":{"k":"l"}}]},{"toEndpoints":[{}],"toRequires":[{"matchLabels":{"m":"n"}}]},
            {"toFQDNs":[{"matchName":"www.example.com"},{"matchPattern":"*.example.org"}],"toPorts":[{"ports":[{"port":"443"}]}]},
            {"toCIDRSet":[{"cidr":"10.0.0.0/8"}],"toPorts":[{"ports":[{"port":"53"}],"rules":{"dns":[{"matchPattern":"*"}]}}]}],
          "egressDeny":[{"toEntities":["host"]},{"toCIDR":["10.0.0.0/8"]}]}})",
    R"({"apiVersion":"cilium.io/v2","kind":"CiliumClusterwideNetworkPolicy","metadata":{"name":"p"},
        "specs":[{"endpointSelector":{"matchLabels":{"a":"b"}},"ingress":[{"fromEntities":["cluster"]}]},
          {"nodeSelector":{"matchLabels":{"c":"d"}},"egressDeny":[{"toEntities":["world"]}],
            "ingress":[{"fromNodes":[{}]}]}]})"};

// Fields without a meaning for what is enforced (docs/policy.md, "Fields that say nothing").
constexpr std::string_view kSaysNothing[] = {"/metadata/labels",    "/spec/description",
                                             "/spec/labels",        "/spec/ingress/*/name",
                                             "/spec/egress/*/name", "/spec/egress/*/toPorts/*/rules"};

bool says_nothing(Json::json_pointer place) {
    std::string text;  // with * for a list's index
    for (; !place.empty(); place.pop_back()) {
        const auto& word = place.back();
        const bool is_index = std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
        text = "/" + (is_index ? "*" : word) + text;
    }
    return std::ranges::any_of(kSaysNothing, [&](std::string_view prefix) { return text.starts_with(prefix); });
}

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
    explicit Mutations(Json object)
        : object_(std::move(object)), meaning_(meaning(std::get<Policy>(parse_object(JsonView(object_)).value()))) {}

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
        EXPECT_TRUE(says_nothing(place) || is_default(object_, changed) || is_left_out(place))
            << object_["kind"] << ' ' << place << ' ' << how << " and nothing changes";
    }

    // Rules of a direction that policyTypes does not name, of which `validate` warns.
    bool is_left_out(const Json::json_pointer& place) const {
        const auto policy = std::get<Policy>(parse_object(JsonView(object_)).value());
        return std::ranges::any_of(lint(policy, {}, Known::kPolicies), [&](const Warning& warning) {
            auto path = warning.path.substr(1);
            std::ranges::replace(path, '.', '/');
            return warning.kind == WarningKind::kNotAsked && place.to_string().starts_with(path);
        });
    }

    // What the specifications give a field that is not there may be left away.
    static bool is_default(const Json& before, const Json& after) { return essence(before) == essence(after); }

    static Json essence(Json value) {
        if (value.is_array())
            for (auto& member : value) member = essence(std::move(member));
        if (!value.is_object()) return value;
        Json out = Json::object();
        for (auto& [key, member] : value.items()) {
            const bool is_given = (key != "protocol" || member != "TCP") && (key != "namespace" || member != "default");
            auto rest = essence(std::move(member));
            if (is_given && key != "policyTypes" && !(rest.is_structured() && rest.empty())) out[key] = std::move(rest);
        }
        return out;
    }

    Json object_;
    std::string meaning_;
    std::size_t refused_ = 0, different_ = 0;
};

TEST(Mutation, OfEveryFieldOfEveryKindIsRefusedOrMeansSomethingElse) {
    for (const auto* text : kExamples) Mutations(json(text)).run();
}

// The policies in a case or a document, wherever they stand in it.
void policies_in(const Json& value, std::set<Json>& out) {
    if (!value.is_structured()) return;
    if (value.is_object() && value.contains("apiVersion") && value.contains("kind") && value.contains("spec")) {
        const auto parsed = parse_object(JsonView(value));
        if (parsed && std::holds_alternative<Policy>(*parsed)) out.insert(value);
        return;
    }
    for (const auto& member : value) policies_in(member, out);
}

std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Mutation, OfEveryFieldOfEveryPolicyOfTheCasesAndTheDocumentation) {
    std::set<Json> policies;
    const auto cases = find_cases(cases_folder(WEFT_SOURCE_DIR));
    ASSERT_TRUE(cases) << cases.error().text();
    for (const auto& [folder, files] : *cases)
        for (const auto& file : files) policies_in(Json::parse(text_of(file)), policies);
    EXPECT_GT(policies.size(), 100U) << "of the cases";
    const auto before = policies.size();
    const auto documents = parse_yaml(text_of(WEFT_SOURCE_DIR "/docs/examples/policy-test.yaml"));
    ASSERT_TRUE(documents) << documents.error().text();
    for (const auto& document : *documents) policies_in(document, policies);
    EXPECT_GT(policies.size(), before);
    for (const auto& policy : policies) Mutations(policy).run();
}

}  // namespace
}  // namespace weft::policy::test
