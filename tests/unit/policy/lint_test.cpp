// Warnings about policies: what is shadowed, what is denied unawares, and what only the cluster's state can tell.
#include "policy/lint.hpp"

#include <gtest/gtest.h>

#include "policy/coverage.hpp"
#include "policy/shadow.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

Policy object(const std::string& api, const std::string& kind, const std::string& name, const std::string& spec) {
    Json out{{"apiVersion", api}, {"kind", kind}, {"metadata", {{"name", name}}}, {"spec", json(spec)}};
    if (kind == "CiliumNetworkPolicy") out["metadata"]["namespace"] = "red";
    return std::get<Policy>(parse_object(JsonView(out)).value());
}
Policy admin(const std::string& name, int priority, const std::string& rules) {
    return object(
        "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", name,
        fmt::format(R"({{"tier":"Admin","priority":{},"subject":{{"namespaces":{{}}}},{}}})", priority, rules));
}

// "path kind" of each.
std::vector<std::string> warned(const Policy& policy, const World& world = {}, Known known = Known::kPolicies) {
    std::vector<std::string> out;
    for (const auto& warning : lint(policy, world, known))
        out.push_back(warning.path + " " + std::string(to_string(warning.kind)));
    return out;
}
std::vector<std::string> warned(const std::string& spec, const World& world = {}) {
    return warned(network_policy("red", "p", spec), world);
}
using Warned = std::vector<std::string>;

// Peer by peer and port by port.
TEST(LintTest, ARuleThatSeveralCoverTogether) {
    const auto rules = [](const std::string& list) { return warned(R"({"podSelector":{},"ingress":[)" + list + "]}"); };
    const auto from = [](const std::string& apps, int port) {
        std::string out;
        for (const char app : apps)
            out += fmt::format(R"({}{{"podSelector":{{"matchLabels":{{"app":"{}"}}}}}})", out.empty() ? "" : ",", app);
        return fmt::format(R"({{"from":[{}],"ports":[{{"port":{}}}]}})", out, port);
    };
    const Warned first{"$.spec.ingress[0] shadowed"},
        others{"$.spec.ingress[1] shadowed", "$.spec.ingress[2] shadowed"};
    EXPECT_EQ(rules(from("ab", 80) + "," + from("ac", 80) + "," + from("bd", 80)), first);
    EXPECT_EQ(rules(from("ab", 80) + "," + from("a", 80) + "," + from("b", 80)), others) << "the pieces, not the whole";
    EXPECT_EQ(rules(from("ab", 80) + "," + from("ac", 80) + "," + from("bd", 81)), Warned{});
    const auto peer = [](const char* name) {
        return fmt::format(R"({{"namespaces":{{"matchLabels":{{"team":"{}"}}}}}})", name);
    };
    const auto rule = [&](const char* action, const std::string& peers) {
        return fmt::format(R"({{"action":"{}","from":[{}]}})", action, peers);
    };
    const auto three = fmt::format(R"("ingress":[{},{},{}])", rule("Deny", peer("a")), rule("Accept", peer("b")),
                                   rule("Accept", peer("a") + "," + peer("b")));
    const auto policy = admin("p", 5, three);
    EXPECT_EQ(warned(policy), Warned{"$.spec.ingress[2] shadowed"}) << "those before decide, piece by piece";
    const auto found = shadow_of(policy, policy.specs.at(0), 2, {});
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->agrees);
    EXPECT_EQ(found->rules.size(), 2U);
}

TEST(LintTest, ARuleThatAnotherOneOfThePolicyCovers) {
    const auto two = [](const std::string& first, const std::string& second) {
        return warned(R"({"podSelector":{},"ingress":[)" + first + "," + second + "]}");
    };
    const std::string web = R"({"from":[{"podSelector":{"matchLabels":{"app":"web"}}}],"ports":[{"port":80}]})";
    const Warned second{"$.spec.ingress[1] shadowed"}, first{"$.spec.ingress[0] shadowed"};
    EXPECT_EQ(two("{}", web), second);
    EXPECT_EQ(two(web, "{}"), first) << "allow rules have no order";
    EXPECT_EQ(two(web, web), second) << "of two that are equal, the second";
    EXPECT_EQ(two(R"({"from":[{"podSelector":{}}]})", web), second);
    EXPECT_EQ(two(R"({"ports":[{"port":1,"endPort":100}]})", web), second);
    EXPECT_EQ(two(R"({"ports":[{"port":81,"endPort":100}]})", web), Warned{});
    EXPECT_EQ(two(R"({"ports":[{"port":80,"protocol":"UDP"}]})", web), Warned{});
    EXPECT_EQ(two(R"({"from":[{"podSelector":{"matchLabels":{"app":"web","tier":"x"}}}]})", web), Warned{});
    EXPECT_EQ(two(R"({"from":[{"namespaceSelector":{}}]})", web), second);
    EXPECT_EQ(two(R"({"from":[{"ipBlock":{"cidr":"0.0.0.0/0"}}]})", web), Warned{}) << "blocks and pods do not compare";
    EXPECT_EQ(
        two(R"({"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]})", R"({"from":[{"ipBlock":{"cidr":"10.1.0.0/16"}}]})"),
        second);
    EXPECT_EQ(two(R"({"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.2.0/24"]}}]})",
                  R"({"from":[{"ipBlock":{"cidr":"10.1.0.0/16"}}]})"),
              Warned{});
    EXPECT_EQ(two(R"({"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.2.0/24"]}}]})",
                  R"({"from":[{"ipBlock":{"cidr":"10.1.0.0/16","except":["10.1.2.0/23"]}}]})"),
              second);
    EXPECT_EQ(two(R"({"ports":[{"protocol":"TCP"}]})", R"({"ports":[{"port":"web"}]})"), second);
    EXPECT_EQ(two(R"({"ports":[{"port":80}]})", R"({"ports":[{"port":"web"}]})"), Warned{});
}

TEST(LintTest, ARuleThatAnotherPolicyCovers) {
    World world;
    world.put(network_policy("red", "open", R"({"podSelector":{},"ingress":[{}]})"));
    const std::string spec = R"({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"ports":[{"port":5432}]}]})";
    EXPECT_EQ(warned(spec, world), Warned{"$.spec.ingress[0] shadowed"});
    EXPECT_EQ(warned(network_policy("blue", "p", spec), world), Warned{}) << "other pods";
    const auto found = lint(network_policy("red", "p", spec), world, Known::kPolicies);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].text,
              "adds nothing: NetworkPolicy red/open spec.ingress[0] does the same for all that it matches");
    world.put(network_policy("red", "open", R"({"podSelector":{"matchLabels":{"app":"db","x":"y"}},"ingress":[{}]})"));
    EXPECT_EQ(warned(spec, world), Warned{}) << "fewer pods";
}

TEST(LintTest, APolicyIsNotShadowedByWhatItReplaces) {
    World world;
    const std::string spec = R"({"podSelector":{},"ingress":[{"ports":[{"port":80}]}]})";
    world.put(network_policy("red", "p", spec));
    EXPECT_EQ(warned(spec, world), Warned{});
}

TEST(LintTest, PrecedenceDecidesWhoShadows) {
    const std::string deny_all = R"("ingress":[{"action":"Deny","from":[{"namespaces":{}}]}])";
    const std::string two = R"("ingress":[{"action":"Accept","from":[{"namespaces":{}}]},
        {"action":"Deny","from":[{"namespaces":{"matchLabels":{"a":"b"}}}]}])";
    EXPECT_EQ(warned(admin("p", 5, two)), Warned{"$.spec.ingress[1] shadowed"});
    const auto never = lint(admin("p", 5, two), {}, Known::kPolicies);
    EXPECT_EQ(never.at(0).text, "never decides: $.spec.ingress[0] decides all that it matches before");
    const std::string narrow_first = R"("ingress":[{"action":"Deny","from":[{"namespaces":{"matchLabels":{"a":"b"}}}]},
        {"action":"Accept","from":[{"namespaces":{}}]}])";
    EXPECT_EQ(warned(admin("p", 5, narrow_first)), Warned{}) << "the order of rules is meant";
    World world;
    world.put(admin("first", 1, deny_all));
    EXPECT_EQ(warned(admin("p", 5, two), world), (Warned{"$.spec.ingress[0] shadowed", "$.spec.ingress[1] shadowed"}));
    EXPECT_EQ(warned(admin("p", 0, deny_all), world), Warned{});
    EXPECT_EQ(warned(R"({"podSelector":{},"ingress":[{}]})", world), Warned{}) << "addresses are not denied";
    EXPECT_EQ(warned(R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{}}]}]})", world),
              Warned{"$.spec.ingress[0] shadowed"})
        << "an earlier tier says the opposite";
    world.put(
        admin("handing-on", 0, R"("ingress":[{"action":"Pass","from":[{"namespaces":{"matchLabels":{"a":"b"}}}]}])"));
    EXPECT_EQ(warned(R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{}}]}]})", world), Warned{});
}

TEST(LintTest, ATierThatSaysTheSameIsNoShadow) {
    World world;
    world.put(admin("open", 1, R"("ingress":[{"action":"Accept","from":[{"namespaces":{}}]}])"));
    EXPECT_EQ(warned(R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{}}]}]})", world), Warned{});
    const auto denies = object("cilium.io/v2", "CiliumNetworkPolicy", "q",
                               R"({"endpointSelector":{},"ingressDeny":[{"fromEndpoints":[{}]}]})");
    EXPECT_EQ(warned(denies, world), Warned{"$.spec.ingressDeny[0] shadowed"});
}

TEST(LintTest, DnsIsOpenOnlyWhereAResolverMayBe) {
    const auto egress = [](const std::string& rules) {
        return warned(R"({"podSelector":{},"policyTypes":["Egress"],"egress":[)" + rules + "]}");
    };
    const Warned closed{"$.spec.egress denies-dns"};
    EXPECT_EQ(egress("{}"), Warned{});
    EXPECT_EQ(egress(R"({"to":[{"podSelector":{}}]})"), closed) << "the resolver is in another namespace";
    EXPECT_EQ(egress(R"({"to":[{"podSelector":{}}],"ports":[{"port":53,"protocol":"UDP"}]})"), Warned{})
        << "it is meant";
    EXPECT_EQ(egress(R"({"to":[{"podSelector":{}}],"ports":[{"port":1,"endPort":99,"protocol":"UDP"}]})"), closed);
    EXPECT_EQ(egress(R"({"to":[{"namespaceSelector":{}}]})"), Warned{});
    EXPECT_EQ(egress(R"({"to":[{"ipBlock":{"cidr":"203.0.113.7/32"}}]})"), closed);
    EXPECT_EQ(egress(R"({"to":[{"ipBlock":{"cidr":"10.96.0.0/12"}}]})"), Warned{});
    const auto cilium = [](const std::string& rest) {
        return warned(object("cilium.io/v2", "CiliumNetworkPolicy", "p", R"({"endpointSelector":{},)" + rest + "}"));
    };
    EXPECT_EQ(cilium(R"("egress":[{"toFQDNs":[{"matchName":"example.com"}]}])"), closed);
    EXPECT_EQ(cilium(R"("egress":[{"toEntities":["all"]}])"), Warned{});
    const std::string no_dns = R"("egressDeny":[{"toEntities":["all"],"toPorts":[{"ports":[{"port":"53"}]}]}])";
    EXPECT_EQ(cilium(R"("egress":[{"toEntities":["all"]}],)" + no_dns), closed);
    EXPECT_EQ(cilium(no_dns), Warned{"$.spec.egressDeny denies-dns"});
}

TEST(LintTest, PeersThatHoldNobody) {
    World world;
    world.put(pod("red", "a", "10.244.0.2", {}, 1));
    world.node.pod_ranges = {cidr("10.244.0.0/16")};
    const auto from = [&](const std::string& rule) {
        return warned(
            object("cilium.io/v2", "CiliumNetworkPolicy", "p", R"({"endpointSelector":{},"ingress":[)" + rule + "]}"),
            world, Known::kAll);
    };
    const Warned nobody{"$.spec.ingress[0] no-peer"};
    EXPECT_EQ(from(R"({"fromCIDR":["10.244.3.0/24"]})"), nobody) << "pods' addresses";
    EXPECT_EQ(from(R"({"fromCIDR":["10.0.0.0/8"]})"), Warned{});
    EXPECT_EQ(from(R"({"fromNodes":[{}]})"), nobody);
    EXPECT_EQ(from(R"({"fromCIDRSet":[{"cidrGroupRef":"offices"}]})"), nobody);
    world.put(CidrGroup{"offices", {}, {cidr("192.0.2.0/24")}});
    EXPECT_EQ(from(R"({"fromCIDRSet":[{"cidrGroupRef":"offices"}]})"), Warned{});
}

TEST(LintTest, ANameOfAnyProtocolIsLookedForOnce) {
    World world;
    auto web = pod("red", "web", "10.244.0.2", {}, 1);
    web.ports = {{"http", kTcp, 80}};
    world.put(web);
    const auto ports = [&](const char* name) {
        return warned(
            object(
                "cilium.io/v2", "CiliumNetworkPolicy", "p",
                fmt::format(R"({{"endpointSelector":{{}},"ingress":[{{"toPorts":[{{"ports":[{{"port":"{}"}}]}}]}}]}})",
                            name)),
            world, Known::kAll);
    };
    EXPECT_EQ(ports("http"), Warned{});
    EXPECT_EQ(ports("https"), Warned{"$.spec.ingress[0] unknown-port-name"});
}

TEST(LintTest, CiliumsDenyShadowsItsAllow) {
    const auto policy = object("cilium.io/v2", "CiliumNetworkPolicy", "p", R"({"endpointSelector":{},
        "ingress":[{"fromEndpoints":[{"matchLabels":{"app":"web"}}]}],"ingressDeny":[{"fromEndpoints":[{}]}]})");
    EXPECT_EQ(warned(policy), Warned{"$.spec.ingress[0] shadowed"});
    const auto required = object("cilium.io/v2", "CiliumNetworkPolicy", "p", R"({"endpointSelector":{},"ingress":[
        {"fromEndpoints":[{}]},{"fromEndpoints":[{}],"fromRequires":[{"matchLabels":{"a":"b"}}]}]})");
    EXPECT_EQ(warned(required), Warned{}) << "what a rule requires holds for the others";
    const auto deny_requires = object("cilium.io/v2", "CiliumNetworkPolicy", "q", R"({"endpointSelector":{},
        "ingressDeny":[{"fromEndpoints":[{"matchLabels":{"c":"d"}}],"fromRequires":[{"matchLabels":{"a":"b"}}]}]})");
    World world;
    world.put(deny_requires);
    EXPECT_EQ(warned(policy, world), Warned{}) << "the deny rule matches less then";
}

TEST(LintTest, DnsMayBeOpenedByAnotherPolicy) {
    const std::string closed = R"({"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Egress"]})";
    EXPECT_EQ(warned(closed), Warned{"$.spec.egress denies-dns"});
    World world;
    world.put(network_policy(
        "red", "dns",
        R"({"podSelector":{},"policyTypes":["Egress"],"egress":[{"ports":[{"protocol":"UDP","port":53}]}]})"));
    EXPECT_EQ(warned(closed, world), Warned{});
    EXPECT_EQ(warned(network_policy("blue", "p", closed), world), Warned{"$.spec.egress denies-dns"});
}

TEST(LintTest, StateIsAskedOnlyWhenItIsKnown) {
    const auto policy = network_policy("red", "p", R"({"podSelector":{},"ingress":[{"ports":[{"port":"web"}]}]})");
    EXPECT_EQ(warned(policy), Warned{});
    EXPECT_EQ(warned(policy, {}, Known::kAll),
              (Warned{"$.spec.podSelector selects-no-pod", "$.spec.ingress[0].ports[0].port unknown-port-name"}));
}

TEST(LintTest, RulesThatPolicyTypesLeavesOut) {
    const auto of = [](const char* types) {
        return warned(fmt::format(R"({{"podSelector":{{}},"policyTypes":[{}],"ingress":[{{}}],
            "egress":[{{"ports":[{{"port":53,"protocol":"UDP"}}]}}]}})",
                                  types));
    };
    EXPECT_EQ(of(R"("Egress")"), Warned{"$.spec.ingress not-asked"});
    EXPECT_EQ(of(R"("Ingress")"), Warned{"$.spec.egress not-asked"});
    EXPECT_EQ(of(R"("Ingress","Egress")"), Warned{});
    EXPECT_EQ(of(""), Warned{});
    EXPECT_EQ(warned(R"({"podSelector":{},"policyTypes":["Ingress"],"egress":[]})"), Warned{});
}

TEST(LintTest, ApiServersThatNobodyKnows) {
    const auto from = [](const char* entity) {
        return object("cilium.io/v2", "CiliumNetworkPolicy", "p",
                      fmt::format(R"({{"endpointSelector":{{}},"ingress":[{{"fromEntities":["{}"]}}]}})", entity));
    };
    World world;
    world.put(pod("red", "a", "10.244.0.2", {}, 1));
    EXPECT_EQ(warned(from("kube-apiserver"), world, Known::kAll), Warned{"$.spec.ingress[0] no-api-server"});
    EXPECT_EQ(warned(from("cluster"), world, Known::kAll), Warned{}) << "of which they are a part";
    world.node.kube_apiservers = {ip("192.0.2.1")};
    EXPECT_EQ(warned(from("kube-apiserver"), world, Known::kAll), Warned{});
}

LabelSelector selector_of(const std::string& text) {
    return LabelSelector::parse(JsonView(json(text))).value();
}

TEST(CoverageTest, Selectors) {
    const auto covers = [](const char* wide, const char* narrow) {
        return policy::covers(selector_of(wide), selector_of(narrow));
    };
    const auto of = [](const char* op, const char* values) {
        return fmt::format(R"({{"matchExpressions":[{{"key":"a","operator":"{}"{}}}]}})", op,
                           *values == '\0' ? "" : fmt::format(R"(,"values":[{}])", values));
    };
    const auto in = of("In", R"("x","y")"), not_in = of("NotIn", R"("x","z")"), exists = of("Exists", ""),
               absent = of("DoesNotExist", "");
    EXPECT_TRUE(covers("{}", in.c_str()));
    EXPECT_FALSE(covers(in.c_str(), "{}"));
    EXPECT_TRUE(covers(in.c_str(), R"({"matchLabels":{"a":"x"}})"));
    EXPECT_FALSE(covers(R"({"matchLabels":{"a":"x"}})", in.c_str()));
    EXPECT_TRUE(covers(exists.c_str(), in.c_str()));
    EXPECT_FALSE(covers(exists.c_str(), not_in.c_str()));
    EXPECT_TRUE(covers(not_in.c_str(), absent.c_str()));
    EXPECT_TRUE(covers(not_in.c_str(), R"({"matchLabels":{"a":"w"}})"));
    EXPECT_FALSE(covers(not_in.c_str(), in.c_str()));
    EXPECT_FALSE(covers(not_in.c_str(), of("NotIn", R"("x")").c_str()));
    EXPECT_TRUE(covers(of("NotIn", R"("x")").c_str(), not_in.c_str()));
    EXPECT_FALSE(covers(absent.c_str(), not_in.c_str()));
}

}  // namespace
}  // namespace weft::policy::test
