// The metadata stream: names, their end, a broken stream, wrong lines.
#include "hubble-lite/names.hpp"

#include <gtest/gtest.h>

#include "hubble-lite/metadata.hpp"

namespace weft::hubble {
namespace {

constexpr const char* kWeb =
    R"({"type":"endpoint","op":"add","id":17,"namespace":"shop","pod":"web-1","container_id":"c","labels":{"app":"web"},"identity":260,"ips":["10.244.0.9","fd00::9"]})";
constexpr const char* kIdentity =
    R"({"type":"identity","op":"add","id":260,"labels":{"k8s:app":"web","k8s:io.kubernetes.pod.namespace":"shop"}})";
constexpr const char* kRule =
    R"({"type":"rule","op":"add","id":3,"direction":"ingress","kind":"NetworkPolicy","namespace":"shop","name":"p","index":2,"path":"spec.ingress[2]","tier":"Admin","priority":7,"default_deny":false,"policies":[{"kind":"NetworkPolicy","namespace":"shop","name":"p"}]})";

IpAddr ip(const char* text) {
    return *IpAddr::parse(text);
}
void ok(Names& names, const std::string& line, Names::Clock::time_point now = Names::Clock::now()) {
    const auto done = names.apply(line, now);
    ASSERT_TRUE(done) << line << ": " << done.error().text();
}

TEST(names, endpoint_identity_and_rule) {
    Names names;
    names.begin();
    ok(names, kIdentity);
    ok(names, kWeb);
    ok(names, kRule);
    ok(names, R"({"type":"node","name":"n1"})");
    ok(names, R"({"type":"heartbeat"})");
    for (const char* address : {"10.244.0.9", "fd00::9"}) {
        const auto peer = names.peer(ip(address), 260);
        ASSERT_TRUE(peer) << address;
        EXPECT_EQ(peer->pod, "web-1");
        EXPECT_EQ(peer->pod_namespace, "shop");
        EXPECT_EQ(peer->labels, (std::vector<std::string>{"k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"}));
    }
    const auto rule = names.rule(3);
    ASSERT_TRUE(rule);
    EXPECT_EQ(rule->index, 2);
    EXPECT_EQ(rule->path, "spec.ingress[2]");
    EXPECT_EQ(rule->tier, "Admin");
    EXPECT_EQ(rule->priority, 7);
    EXPECT_EQ(rule->policies, (std::vector<PolicyName>{{"NetworkPolicy", "shop", "p"}}));
    EXPECT_EQ(names.rule(0), nullptr);
    EXPECT_EQ(names.rule(99), nullptr);
    EXPECT_EQ(names.node_name(), "n1");
}

TEST(names, an_identity_that_comes_after_its_endpoint_is_used) {
    Names names;
    ok(names, kWeb);
    EXPECT_EQ(names.peer(ip("10.244.0.9"), 260)->labels,
              (std::vector<std::string>{"k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"}));
    ok(names, R"({"type":"identity","op":"add","id":260,"labels":{"k8s:app":"web","k8s:tier":"front"}})");
    EXPECT_EQ(names.peer(ip("10.244.0.9"), 260)->labels, (std::vector<std::string>{"k8s:app=web", "k8s:tier=front"}));
}

TEST(names, identities_without_a_pod) {
    Names names;
    EXPECT_EQ(names.peer(ip("1.1.1.1"), 2)->labels, (std::vector<std::string>{"reserved:world"}));
    EXPECT_EQ(names.peer(ip("1.1.1.1"), 1)->labels, (std::vector<std::string>{"reserved:host"}));
    EXPECT_EQ(names.peer(ip("1.1.1.1"), 7)->labels, (std::vector<std::string>{"reserved:kube-apiserver"}));
    EXPECT_EQ(names.peer(ip("1.1.1.1"), 300), nullptr);
    ok(names, kIdentity);
    EXPECT_EQ(names.peer(ip("10.9.9.9"), 260)->pod_namespace, "shop");
    EXPECT_EQ(names.peer(ip("10.9.9.9"), 260)->pod, "");
}

TEST(names, a_deleted_pod_is_named_for_a_while) {
    Names names;
    const auto start = Names::Clock::now();
    ok(names, kWeb, start);
    ok(names, kRule, start);
    ok(names, R"({"type":"endpoint","op":"delete","id":17})", start);
    ok(names, R"({"type":"rule","op":"delete","id":3})", start);
    names.purge(start + Names::kKeepDeleted - std::chrono::seconds(1));
    EXPECT_EQ(names.peer(ip("10.244.0.9"), 0)->pod, "web-1");
    EXPECT_NE(names.rule(3), nullptr);
    names.purge(start + Names::kKeepDeleted + std::chrono::seconds(1));
    EXPECT_EQ(names.peer(ip("10.244.0.9"), 300), nullptr);
    EXPECT_EQ(names.rule(3), nullptr);
    EXPECT_EQ(names.counts().endpoints, 0U);
}

TEST(names, an_address_given_to_another_pod_is_the_other_pods) {
    Names names;
    const auto start = Names::Clock::now();
    ok(names, kWeb, start);
    ok(names,
       R"({"type":"endpoint","op":"add","id":18,"namespace":"shop","pod":"web-2","identity":260,"ips":["10.244.0.9"]})",
       start);
    ok(names, R"({"type":"endpoint","op":"delete","id":17})", start);
    names.purge(start + 2 * Names::kKeepDeleted);
    EXPECT_EQ(names.peer(ip("10.244.0.9"), 260)->pod, "web-2");
    EXPECT_EQ(names.peer(ip("fd00::9"), 300), nullptr);
}

TEST(names, what_a_new_stream_does_not_name_is_deleted_and_the_rest_stays) {
    Names names;
    const auto start = Names::Clock::now();
    names.begin();
    ok(names, kWeb, start);
    ok(names, kRule, start);
    names.begin();  // the stream broke: nothing is forgotten
    names.purge(start + 10 * Names::kKeepDeleted);
    EXPECT_EQ(names.peer(ip("10.244.0.9"), 260)->pod, "web-1");
    ok(names, kRule, start);
    ok(names, R"({"type":"synced"})", start);
    names.purge(start + 2 * Names::kKeepDeleted);
    EXPECT_EQ(names.peer(ip("10.244.0.9"), 300), nullptr);
    EXPECT_NE(names.rule(3), nullptr);
}

TEST(names, wrong_lines_change_nothing) {
    Names names;
    for (const char* line :
         {"", "{", "[]", "{}", R"({"type":1})", R"({"type":"endpoint"})", R"({"type":"endpoint","op":"move","id":1})",
          R"({"type":"endpoint","op":"add","id":-1})",
          R"({"type":"endpoint","op":"add","id":1,"identity":1,"ips":["nonsense"]})",
          R"({"type":"identity","op":"add","id":1,"labels":["x"]})", R"({"type":"rule","op":"add","id":1,"index":"x"})",
          R"({"type":"rule","op":"add","id":1,"path":1})", R"({"type":"rule","op":"add","id":1,"tier":[]})",
          R"({"type":"rule","op":"add","id":1,"priority":-1})", R"({"type":"rule","op":"add","id":1,"priority":"x"})",
          R"({"type":"rule","op":"add","id":99999999999})"})
        EXPECT_FALSE(names.apply(line)) << line;
    const auto counts = names.counts();
    EXPECT_EQ(counts.endpoints + counts.identities + counts.rules, 0U);
    EXPECT_TRUE(names.apply(R"({"type":"of tomorrow"})"));
}

TEST(lines, any_cut_gives_the_same_lines) {
    const std::string text = "one\n\ntwo\nthree";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        LineSplitter lines;
        std::vector<std::string> out;
        for (std::size_t at = 0; at < text.size(); at += piece)
            lines.take(std::string_view(text).substr(at, piece),
                       [&](std::string_view line) { out.emplace_back(line); });
        EXPECT_EQ(out, (std::vector<std::string>{"one", "two"})) << piece;
    }
}

TEST(lines, a_line_that_is_too_long_is_passed_over) {
    LineSplitter lines;
    std::vector<std::string> out;
    const auto take = [&](std::string_view line) { out.emplace_back(line); };
    const std::string piece(LineSplitter::kMaxLine / 2, 'x');
    for (int i = 0; i < 5; ++i) lines.take(piece, take);
    lines.take("end\ngood\n", take);
    EXPECT_EQ(out, (std::vector<std::string>{"good"}));
}

}  // namespace
}  // namespace weft::hubble
