#include <gtest/gtest.h>

#include "common/yaml.hpp"
#include "daemon/watch/object_file.hpp"

namespace weft::watch {
namespace {

Json one(std::string_view text) {
    auto documents = parse_yaml(text);
    EXPECT_TRUE(documents) << (documents ? "" : documents.error().text());
    return documents && documents->size() == 1 ? documents->front() : Json("not one document");
}

TEST(DaemonYaml, ScalarsAreTypedAsKubernetesDoes) {
    EXPECT_EQ(one("{a: 80, b: -5, c: 0x1F, d: 0o17, e: 010, f: 1.5, g: 1e3}"),
              (Json{{"a", 80}, {"b", -5}, {"c", 31}, {"d", 15}, {"e", 8}, {"f", 1.5}, {"g", 1000.0}}));
    EXPECT_EQ(one("[true, False, yes, off, ~, null, '']"), Json::parse(R"([true,false,true,false,null,null,""])"));
    EXPECT_EQ(one("['80', \"true\", !!str 5, 'null']"), Json::parse(R"(["80","true","5","null"])"));
    EXPECT_EQ(one("[y, n, 1.2.3.4, 10.0.0.0/8, 2001-01-01, '0777', 0899x, http]"),
              Json::parse(R"(["y","n","1.2.3.4","10.0.0.0/8","2001-01-01","0777","0899x","http"])"));
    EXPECT_EQ(one("{80: x, true: y}"), Json::parse(R"({"80":"x","true":"y"})"));
    EXPECT_EQ(one("a:\nb: {}\n"), Json::parse(R"({"a":null,"b":{}})"));
    EXPECT_EQ(one("[.inf, .nan]"), Json::parse(R"([".inf",".nan"])")) << "JSON has no such numbers";
}

TEST(DaemonYaml, AnchorsAndMerges) {
    EXPECT_EQ(one("a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}\nd: {<<: [*x, {k: 9, m: 3}], k: 7}\n"),
              Json::parse(R"({"a":{"k":1},"b":{"k":1},"c":{"k":1,"l":2},"d":{"k":7,"m":3}})"));
}

TEST(DaemonYaml, AliasesCannotBlowUp) {
    std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 20; ++i)
        bomb += fmt::format("a{0}: &a{0} [*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1}]\n", i, i - 1);
    const auto refused = parse_yaml(bomb);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("nodes"), std::string::npos) << refused.error().message;
    EXPECT_FALSE(parse_yaml("a: &x [*x]")) << "an alias of itself";
}

TEST(DaemonYaml, ErrorsNameThePlace) {
    const auto line = [](std::string_view text) { return parse_yaml(text).error().message; };
    EXPECT_NE(line("a: 1\na: 2\n").find("line 2"), std::string::npos);
    EXPECT_NE(line("a: 1\nb: [1\n").find("line"), std::string::npos);
    EXPECT_NE(line("? [a]\n: 1\n").find("scalar"), std::string::npos);
    EXPECT_FALSE(parse_yaml(std::string(100, '[') + std::string(100, ']')));
    EXPECT_FALSE(parse_yaml(std::string(10000, '[')));
    EXPECT_FALSE(parse_yaml("a: b", {.bytes = 2}));
}

TEST(DaemonYaml, TextThatIsNoUtf8IsRefused) {
    for (const std::string text : {"a: \xff", "\xff: a", "? [\xff]\n: a", "? {a: [\xff]}\n: \xff", "- \"\xc3\x28\""}) {
        const auto documents = parse_yaml(text);
        ASSERT_FALSE(documents);
        EXPECT_NE(documents.error().message.find("not valid UTF-8"), std::string::npos) << documents.error().text();
        EXPECT_NE(documents.error().message.find("line 1"), std::string::npos) << documents.error().text();
    }
    EXPECT_EQ(one("a: \xc3\xa9"), (Json{{"a", "\xc3\xa9"}}));
}

TEST(DaemonYaml, SeveralDocuments) {
    EXPECT_EQ(parse_yaml("---\na: 1\n---\n---\nb: 2\n...\n").value(), (std::vector<Json>{{{"a", 1}}, {{"b", 2}}}));
    EXPECT_TRUE(parse_yaml("# nothing\n").value().empty());
}

constexpr std::string_view kPolicy = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: default}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: 80}]
)";

TEST(DaemonObjectFile, OneOrManyObjects) {
    EXPECT_EQ(parse_object_file("a.yaml", kPolicy).value().size(), 1U);
    const std::string namespaces = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n";
    EXPECT_EQ(parse_object_file("a.yml", std::string(kPolicy) + namespaces).value().size(), 2U);
    const std::string space = R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"x"}})";
    EXPECT_EQ(parse_object_file("a.json", "[" + space + "]").value().size(), 1U);
    EXPECT_EQ(
        parse_object_file("a.json", R"({"apiVersion":"v1","kind":"List","items":[)" + space + "]}").value().size(), 1U);
}

TEST(DaemonObjectFile, ErrorsNameFilePathAndDocument) {
    auto text = std::string(kPolicy);
    text.replace(text.find("port: 80"), 8, "port: 99999");
    const auto bad =
        parse_object_file("a.yaml", "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n" + text);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().path, "document 2: $.spec.ingress[0].ports[0].port");
    EXPECT_NE(
        parse_object_file("a.yaml", std::string(kPolicy) + "---" + std::string(kPolicy)).error().message.find("twice"),
        std::string::npos);
}

TEST(DaemonObjectFile, OnlyOurNames) {
    for (const auto* name : {"a.json", "a.yaml", "a.yml"}) EXPECT_TRUE(is_object_file(name)) << name;
    for (const auto* name : {"a.txt", ".a.json", "a.json~", "a.json.swp", "README"})
        EXPECT_FALSE(is_object_file(name)) << name;
    EXPECT_FALSE(read_file("/dev/zero"));
    EXPECT_FALSE(read_file("/proc/self"));
}

}  // namespace
}  // namespace weft::watch
