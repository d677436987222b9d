// weft's annotations: policies in audit mode and policies without events, from the object to the tables.
#include <gtest/gtest.h>

#include <algorithm>

#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/lint.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

const char* const kObjects[] = {
    R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"p","namespace":"red"},
        "spec":{"podSelector":{}}})",
    R"({"apiVersion":"policy.networking.k8s.io/v1alpha2","kind":"ClusterNetworkPolicy","metadata":{"name":"p"},
        "spec":{"tier":"Admin","priority":1,"subject":{"namespaces":{}}}})",
    R"({"apiVersion":"policy.networking.k8s.io/v1alpha1","kind":"AdminNetworkPolicy","metadata":{"name":"p"},
        "spec":{"priority":1,"subject":{"namespaces":{}}}})",
    R"({"apiVersion":"policy.networking.k8s.io/v1alpha1","kind":"BaselineAdminNetworkPolicy",
        "metadata":{"name":"default"},"spec":{"subject":{"namespaces":{}}}})",
    R"({"apiVersion":"cilium.io/v2","kind":"CiliumNetworkPolicy","metadata":{"name":"p","namespace":"red"},
        "spec":{"endpointSelector":{}}})",
    R"({"apiVersion":"cilium.io/v2","kind":"CiliumClusterwideNetworkPolicy","metadata":{"name":"p"},
        "spec":{"endpointSelector":{}}})"};

Result<Policy> annotated(const char* text, const char* annotation, const Json& value) {
    Json object = json(text);
    object["metadata"]["annotations"] = {{annotation, value}, {"example.org/weft.io", "of no account"}};
    WEFT_TRY(parsed, parse_object(JsonView(object)));
    return std::get<Policy>(std::move(parsed));
}

TEST(Annotations, EveryKindKnowsThem) {
    for (const auto* text : kObjects) {
        EXPECT_FALSE(annotated(text, "a", "b").value().audit) << text;
        EXPECT_TRUE(annotated(text, "weft.io/mode", "audit").value().audit) << text;
        EXPECT_FALSE(annotated(text, "weft.io/mode", "enforce").value().audit) << text;
        EXPECT_FALSE(annotated(text, "weft.io/log", "false").value().logged) << text;
        EXPECT_TRUE(annotated(text, "weft.io/log", "true").value().logged) << text;
    }
}

TEST(Annotations, AnythingElseOfOursIsRefusedWithThePlaceAndAProposal) {
    const auto wrong = [](const char* annotation, const Json& value) {
        const auto out = annotated(kObjects[0], annotation, value);
        return out ? "accepted" : out.error().text();
    };
    EXPECT_TRUE(wrong("weft.io/mode", "audti").starts_with(R"($.metadata.annotations["weft.io/mode"]: 'audti')"))
        << wrong("weft.io/mode", "audti");
    EXPECT_NE(wrong("weft.io/mode", "audti").find("did you mean"), std::string::npos);
    EXPECT_NE(wrong("weft.io/mod", "audit").find("weft.io/mode"), std::string::npos);
    EXPECT_NE(wrong("weft.io/mode", true), "accepted");
    EXPECT_NE(wrong("weft.io/log", "no"), "accepted");
    EXPECT_NE(wrong("weft.io/log", false), "accepted");
}

// Two pods of a namespace; `web` asks `db`.
class AuditPolicies : public testing::Test {
  protected:
    AuditPolicies() {
        world_.put(space("red"));
        world_.put(pod("red", "web", "10.244.0.1", {{"app", "web"}}, 1));
        world_.put(pod("red", "db", "10.244.0.2", {{"app", "db"}}, 2));
    }
    void put(const std::string& name, const std::string& spec, bool audit, bool logged = true) {
        auto policy = network_policy("red", name, spec);
        policy.audit = audit;
        policy.logged = logged;
        world_.put(std::move(policy));
    }
    Image image() { return compile(world_, numbers_).value(); }
    static Explanation ask(const Image& image, std::uint16_t port) {
        return explain(image, ip("10.244.0.1"), ip("10.244.0.2"), kTcp, port).value();
    }

    World world_;
    MemoryNumbers numbers_;
};

constexpr const char* kIsolate = R"({"podSelector":{"matchLabels":{"app":"db"}}})";
constexpr const char* kOpen80 = R"({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"ports":[{"port":80}]}]})";

TEST_F(AuditPolicies, ADefaultDenyInAuditModeDeniesNothing) {
    put("closed", kIsolate, true);
    const auto out = image();
    EXPECT_EQ(out.endpoints.at(2), (std::array<std::uint32_t, 2>{0, 0}));
    const auto said = ask(out, 80);
    EXPECT_TRUE(said.allow);
    ASSERT_TRUE(said.audit);
    EXPECT_FALSE(said.audit->allow);
    const auto& rule = out.rules.at(said.audit->ingress->rule);
    EXPECT_TRUE(rule.by_default);
    EXPECT_TRUE(rule.audit);
    EXPECT_EQ(rule.policies, (std::vector<PolicyName>{{"NetworkPolicy", "red", "closed"}}));
}

TEST_F(AuditPolicies, ARuleInAuditModeOpensNothing) {
    put("closed", kIsolate, false);
    put("open", kOpen80, true);
    const auto said = ask(image(), 80);
    EXPECT_FALSE(said.allow);
    EXPECT_FALSE(said.audit) << "what is denied is not asked about";
}

TEST_F(AuditPolicies, BothSetsTogetherDecideInAuditMode) {
    put("eighty", kOpen80, false);
    put("more", R"({"podSelector":{"matchLabels":{"app":"web"}},"egress":[{"ports":[{"port":443}]}]})", true);
    const auto out = image();
    const auto said = ask(out, 80);
    EXPECT_TRUE(said.allow);
    ASSERT_TRUE(said.audit);
    EXPECT_FALSE(said.audit->allow);
    EXPECT_FALSE(said.audit->egress->allow);
    EXPECT_TRUE(said.audit->ingress->allow);
    EXPECT_EQ(said.audit->ingress->rule, said.ingress->rule) << "no policy in audit mode is about this end";
    EXPECT_FALSE(out.rules.at(said.ingress->rule).audit);
    EXPECT_EQ(out.audits.size(), 1U) << "only of pods that such a policy selects";
}

TEST_F(AuditPolicies, ARuleThatIsEnforcedAtLastCountsAnew) {
    put("open", kOpen80, true);
    const auto before = ask(image(), 80).audit->ingress->rule;
    put("open", kOpen80, false);
    const auto after = ask(image(), 80).ingress->rule;
    EXPECT_NE(before, after);
}

TEST_F(AuditPolicies, WithoutEventsIsSaidOfRowsThatAllow) {
    put("quiet", kOpen80, false, false);
    const auto out = image();
    const auto& table = out.policies.at(out.endpoints.at(2)[1]);
    const auto quiet = std::ranges::count_if(table.unnamed, &PortRow::unlogged);
    EXPECT_EQ(quiet, 1);
    EXPECT_TRUE(std::ranges::all_of(table.unnamed, [](const PortRow& row) { return row.allow || !row.unlogged; }));
    EXPECT_FALSE(out.rules.at(ask(out, 80).ingress->rule).logged);
}

TEST_F(AuditPolicies, AnAuditPolicyShadowsNothingThatIsEnforced) {
    put("a", kOpen80, true);
    put("b", kOpen80, false);
    const auto warnings = [&](const char* name) {
        const auto& policy = *world_.policies.at({"NetworkPolicy", "red", name});
        return std::ranges::count(lint(policy, world_), WarningKind::kShadowed, &Warning::kind);
    };
    EXPECT_EQ(warnings("a"), 1);
    EXPECT_EQ(warnings("b"), 0);
}

TEST(CiliumLog, TheTextStandsWithTheRules) {
    World world;
    world.put(space("red"));
    world.put(pod("red", "db", "10.244.0.2", {}, 2));
    Json object = json(kObjects[4]);
    object["spec"]["log"] = {{"value", "team-a"}};
    object["spec"]["ingress"] = json(R"([{"fromEntities":["all"]}])");
    world.put(std::get<Policy>(parse_object(JsonView(object)).value()));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers).value();
    EXPECT_TRUE(std::ranges::any_of(image.rules, [](const auto& entry) { return entry.second.log == "team-a"; }));
    for (const Json& value : {Json(std::string(129, 'x')), Json("a\nb"), Json(7)}) {
        object["spec"]["log"]["value"] = value;
        const auto refused = parse_object(JsonView(object));
        ASSERT_FALSE(refused) << value;
        EXPECT_EQ(refused.error().path, "$.spec.log.value");
    }
}

}  // namespace
}  // namespace weft::policy::test
