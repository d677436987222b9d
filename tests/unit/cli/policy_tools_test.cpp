// `weft policy test`: the example of the documentation, what fails and how, and files that are wrong.
#include "tests/unit/cli/cli_run.hpp"
#include "tests/unit/cli/fake_servers.hpp"

namespace weft::cli::test {
namespace {

std::string slurp(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return text.replace(at, from.size(), to);
}

const auto kExample = std::filesystem::path(WEFT_SOURCE_DIR) / "docs/examples/policy-test.yaml";

TEST_F(CliRun, PolicyTestOfTheDocumentationPasses) {
    EXPECT_EQ(weft({"policy", "test", kExample}), kOk) << out.str() << err.str();
    EXPECT_TRUE(out.str().ends_with("11 passed, 0 failed\n")) << out.str();
    EXPECT_TRUE(out.str().starts_with("ok    shop/web -> shop/db sql/tcp: allow  (the web reads its data)\n"))
        << out.str();
}

TEST_F(CliRun, PolicyTestThatFailsNamesTheRule) {
    const auto wrong = file("wrong.yaml", replaced(slurp(kExample),
                                                   "port: 5432\n  verdict: deny\n  rule: {kind: "
                                                   "NetworkPolicy, name: db, defaultDeny: true}",
                                                   "port: 5432\n  verdict: allow"));
    EXPECT_EQ(weft({"policy", "test", wrong}), kFailed);
    EXPECT_NE(out.str().find("FAIL  shop/cart -> shop/db 5432/tcp: allow  (nobody else does)\n"
                             "      expected allow, is deny\n"
                             "      deny by default deny of NetworkPolicy shop/db (10.244.0."),
              std::string::npos)
        << out.str();
    EXPECT_TRUE(out.str().ends_with("10 passed, 1 failed\n"));
    EXPECT_EQ(weft({"policy", "test", "-o", "json", wrong}), kFailed);
    const auto answer = Json::parse(out.str());
    EXPECT_EQ(answer["passed"], 10);
    EXPECT_EQ(answer["failed"], 1);
    const auto& result = answer["results"][1];
    EXPECT_EQ(result["verdict"], "deny");
    EXPECT_EQ(result["passed"], false);
    EXPECT_EQ(result["rule"]["default_deny"], true);
    EXPECT_EQ(result["rule"]["policies"][0]["name"], "db");
}

TEST_F(CliRun, PolicyTestHoldsTheRuleToEachOfItsFields) {
    const std::string rule = "rule: {kind: ClusterNetworkPolicy, name: guard, path: \"spec.ingress[0]\"}";
    const auto with = [&](const std::string& other) {
        return weft({"policy", "test", file("rule.yaml", replaced(slurp(kExample), rule, "rule: {" + other + "}"))});
    };
    EXPECT_EQ(with("kind: ClusterNetworkPolicy, namespace: \"\", name: guard, direction: ingress, defaultDeny: false"),
              kOk)
        << out.str() << err.str();
    for (const char* other : {"kind: NetworkPolicy", "namespace: shop", "name: db", "direction: egress",
                              "path: \"spec.ingress[1]\"", "defaultDeny: true"}) {
        EXPECT_EQ(with(other), kFailed) << other;
        EXPECT_NE(out.str().find("another rule decides than expected"), std::string::npos) << other;
    }
}

TEST_F(CliRun, PolicyTestReadsTheFilesThatItNames) {
    file("policies.yaml",
         "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {podSelector: {}}\n");
    const std::string test =
        "apiVersion: weft.io/v1alpha1\nkind: PolicyTest\nfiles: [policies.yaml]\n"
        "expect:\n- {from: a, to: b, port: 1, verdict: deny}\n- {from: a, to: a, port: 1, verdict: allow}\n"
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n";
    EXPECT_EQ(weft({"policy", "test", file("test.yaml", test)}), kOk) << out.str() << err.str();
    std::filesystem::remove(dir / "policies.yaml");
    EXPECT_EQ(weft({"policy", "test", dir / "test.yaml"}), kFailed);
    EXPECT_NE(err.str().find("policies.yaml"), std::string::npos);
}

TEST_F(CliRun, PolicyTestChecksBothFamilies) {
    const std::string test =
        "apiVersion: weft.io/v1alpha1\nkind: PolicyTest\n"
        "expect: [{from: a, to: b, port: 1, verdict: deny}]\n"
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n"
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n"
        "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: \"fd00::/16\"}}]}]}\n";
    EXPECT_EQ(weft({"policy", "test", file("test.yaml", test)}), kFailed);
    EXPECT_NE(out.str().find("allow by NetworkPolicy default/p ingress[0] (fd00:10:244::"), std::string::npos)
        << out.str();
}

TEST_F(CliRun, PolicyTestAsksPoliciesInAuditModeAndTypesOfIcmp) {
    const std::string objects =
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, "
        "labels: {app: b}}\n---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: pings}\n"
        "spec: {endpointSelector: {matchLabels: {app: b}}, ingress: [{icmps: [{fields: [{type: EchoRequest}]}]}, "
        "{toPorts: [{ports: [{port: \"80\"}]}]}]}\n"
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: watched, annotations: "
        "{weft.io/mode: audit}}\nspec: {podSelector: {}, policyTypes: [Egress]}\n";
    const auto test = [&](const std::string& expect) {
        const auto text = "apiVersion: weft.io/v1alpha1\nkind: PolicyTest\nexpect: [" + expect + "]\n" + objects;
        return weft({"policy", "test", file("test.yaml", text)});
    };
    EXPECT_EQ(
        test("{from: a, to: b, protocol: ICMP, verdict: allow}, {from: a, to: b, protocol: ICMP, type: 13, verdict: "
             "deny}, {from: a, to: b, protocol: ICMP, type: Timestamp, verdict: deny}, {from: a, to: b, protocol: "
             "ICMPv6, verdict: deny}, {from: a, to: b, port: 80, verdict: allow, audit: deny}, {from: 192.0.2.7, "
             "to: b, port: 80, verdict: allow, audit: allow}"),
        kOk)
        << out.str() << err.str();
    EXPECT_EQ(test("{from: a, to: b, port: 80, verdict: allow, audit: allow}"), kFailed);
    EXPECT_NE(out.str().find("FAIL  a -> b 80/tcp: allow, in audit mode allow\n"
                             "      expected allow by the policies in audit mode, is deny\n"),
              std::string::npos)
        << out.str();
    EXPECT_NE(out.str().find("      in audit mode deny by default deny of NetworkPolicy default/watched\n"),
              std::string::npos)
        << out.str();
}

TEST_F(CliRun, PolicyTestRefusesAnObjectThatStandsTwice) {
    const std::string pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
    const std::string test =
        "apiVersion: weft.io/v1alpha1\nkind: PolicyTest\nfiles: [more.yaml]\n"
        "expect: [{from: a, to: a, port: 1, verdict: allow}]\n";
    file("more.yaml", pod);
    EXPECT_EQ(weft({"policy", "test", file("one.yaml", test + "---\n" + test)}), kOk) << "a shared file: " << err.str();
    EXPECT_EQ(weft({"policy", "test", file("two.yaml", test + pod)}), kFailed);
    EXPECT_NE(err.str().find("Pod default/a stands in"), std::string::npos) << err.str();
}

TEST_F(CliRun, PolicyTestThatIsWrongSaysWhere) {
    const auto wrong = [&](const std::string& expect) {
        const auto text = "apiVersion: weft.io/v1alpha1\nkind: PolicyTest\nexpect: " + expect +
                          "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
        EXPECT_EQ(weft({"policy", "test", file("wrong.yaml", text)}), kFailed) << expect;
        return out.str() + err.str();
    };
    const std::pair<const char*, const char*> cases[] = {
        {"[]", "document 1: 'expect' is missing"},
        {"[{from: a, to: a, port: 1}]", "document 1: 'verdict' is missing"},
        {"[{from: a, to: a, port: 1, verdict: alow}]", "did you mean 'allow'?"},
        {"[{from: a, to: a, prot: 1, verdict: allow}]", "did you mean 'port'?"},
        {"[{from: a, to: a, verdict: allow}]", "document 1: 'port' is missing"},
        {"[{from: a, to: a, port: 1, protocol: ICMP, verdict: allow}]", "ICMP has no ports"},
        {"[{from: a, to: a, port: 1, type: 8, verdict: allow}]", "is for ICMP and ICMPv6 only"},
        {"[{from: a, to: a, type: EchoRequst, protocol: ICMP, verdict: allow}]", "did you mean 'EchoRequest'?"},
        {"[{from: a, to: a, port: 1, verdict: allow, audit: denny}]", "did you mean 'deny'?"},
        {"[{from: a, to: a, port: 1, protocol: tcp, verdict: allow}]", "did you mean 'TCP'?"},
        {"[{from: a, to: gone, port: 1, verdict: allow}]", "'gone' is neither a pod of the objects nor an address"},
        {"[{from: a, to: a, port: web, verdict: allow}]", "a has no port named 'web'"},
        {"[{from: 10.0.0.1, to: fd00::1, port: 1, verdict: allow}]", "no addresses of one family"},
        {"[{from: a, to: a, port: 1, verdict: allow, rule: {nme: x}}]", "weft: $.expect[0].rule.nme: "},
        {"[{from: a, to: a, port: 1, verdict: allow, rule: {direction: in}}]", "direction must be"}};
    for (const auto& [expect, said] : cases)
        EXPECT_NE(wrong(expect).find(said), std::string::npos) << expect << " gives " << out.str() << err.str();
    EXPECT_EQ(weft({"policy", "test", file("none.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n")}), kFailed);
    EXPECT_NE(err.str().find("has no PolicyTest document"), std::string::npos);
    EXPECT_EQ(weft({"policy", "test"}), kUsage);
}

constexpr const char* kStatuses = R"([
  {"kind":"NetworkPolicy","namespace":"default","name":"web","source":"api","accepted":true,"programmed":true,"reason":"",
   "endpoints":2,"pods":3,"revision":4,"generation":7,"epoch":1,"rules":[
    {"id":1,"direction":"ingress","path":"spec.ingress[0]","tier":"NetworkPolicy","default_deny":false,"packets":10,"bytes":900,"connections":2},
    {"id":2,"direction":"ingress","path":"","tier":"NetworkPolicy","default_deny":true,"packets":3,"bytes":180,"connections":0}]},
  {"kind":"ClusterNetworkPolicy","namespace":"","name":"web","source":"api","accepted":true,"programmed":false,
   "reason":"it selects no pod of this node","endpoints":0,"pods":1,"generation":7,"rules":[]},
  {"kind":"","namespace":"","name":"","source":"file:bad.yaml","accepted":false,"programmed":false,"reason":"$.spec: wrong"}])";

TEST_F(CliRun, PolicyStatusShowsCountersAndReasons) {
    FakeServer daemon(socket());
    daemon.answers["GET /v1/policies/status"] = {200, kStatuses};
    EXPECT_EQ(weft({"policy", "status"}), kOk) << err.str();
    EXPECT_EQ(out.str(),
              "KIND                  NAMESPACE  NAME  SOURCE         PODS  PACKETS  BYTES  CONNECTIONS  DEFAULT-DENIED "
              " STATE\n"
              "NetworkPolicy         default    web   api            2     10       900    2            3              "
              " in force, generation 7\n"
              "ClusterNetworkPolicy  -          web   api            0     0        0      0            0              "
              " not in force: it selects no pod of this node\n"
              "-                     -          -     file:bad.yaml  -     0        0      0            0              "
              " refused: $.spec: wrong\n");
    EXPECT_EQ(weft({"policy", "status", "web", "--kind", "NetworkPolicy"}), kOk);
    EXPECT_EQ(out.str(),
              "NetworkPolicy default/web, from api: in force, generation 7\n"
              "selects 2 endpoints of this node, 3 pods in all\n"
              "RULE             DIRECTION  TIER           PACKETS  BYTES  CONNECTIONS\n"
              "spec.ingress[0]  ingress    NetworkPolicy  10       900    2\n"
              "default deny     ingress    NetworkPolicy  3        180    0\n");
    EXPECT_EQ(weft({"policy", "status", "-o", "json", "web"}), kOk);
    EXPECT_EQ(Json::parse(out.str()).size(), 2U) << "of each kind";
    EXPECT_EQ(weft({"policy", "status", "other/web", "--kind", "NetworkPolicy"}), kFailed);
    EXPECT_NE(err.str().find("there is no policy other/web\n  file:bad.yaml was refused: $.spec: wrong"),
              std::string::npos);
    EXPECT_EQ(weft({"policy", "status", "--kind", "Nonsense"}), kUsage);
    Json statuses = Json::parse(kStatuses);
    statuses[0]["source"] = "file:bad.yaml";
    daemon.answers["GET /v1/policies/status"] = {200, statuses.dump()};
    EXPECT_EQ(weft({"policy", "status", "web", "--kind", "NetworkPolicy"}), kOk);
    EXPECT_NE(out.str().find("file:bad.yaml has a newer version, which was refused: $.spec: wrong"), std::string::npos);
    daemon.answers["GET /v1/policies/status"] = {200, kStatuses};
    daemon.answers["GET /v1/policies/NetworkPolicy/default/web"] = {
        200, R"({"kind":"NetworkPolicy","namespace":"default","name":"web","object":{"a":1}})"};
    EXPECT_EQ(weft({"policy", "get", "web", "-o", "json"}), kOk);
    EXPECT_EQ(Json::parse(out.str())["status"]["rules"][0]["packets"], 10);
    EXPECT_EQ(weft({"policy", "get", "web"}), kOk);
    EXPECT_EQ(out.str(), "{\n  \"a\": 1\n}\n");
}

std::string flow_line(const std::string& verdict, const std::string& l4) {
    return R"({"flow":{"verdict":")" + verdict + R"(","IP":{"source":"10.0.0.1","destination":"10.0.0.2"},"l4":)" + l4 +
           R"(,"source":{"identity":300,"namespace":"shop","pod_name":"a","labels":["k8s:app=a","k8s:on=yes"]},)"
           R"("destination":{"identity":301,"namespace":"shop","pod_name":"b","labels":["k8s:app=b"]}}})"
           "\n";
}
const std::string kTcp80 = R"({"TCP":{"source_port":5000,"destination_port":80}})";

TEST_F(CliRun, PolicyRecommendWritesWhatPolicyApplyTakes) {
    const auto lines = flow_line("FORWARDED", kTcp80) + flow_line("FORWARDED", kTcp80) + flow_line("DROPPED", kTcp80) +
                       flow_line("FORWARDED", R"({"ICMPv4":{"type":8}})");
    EXPECT_EQ(weft({"policy", "recommend", "-f", file("flows", lines)}), kOk) << err.str();
    EXPECT_TRUE(
        out.str().starts_with("# 1 connections of 4 lines replayed against these 2 policies: all are allowed\n"
                              "# left out: 1 dropped flows\n"
                              "# left out: 1 flows without ports (ICMP)"))
        << out.str();
    EXPECT_NE(out.str().find("    matchLabels:\n      app: a\n      \"on\": \"yes\"\n"), std::string::npos)
        << out.str();
    const auto policies = file("policies.yaml", out.str());
    EXPECT_EQ(weft({"policy", "validate", "--offline", "-f", policies, "-o", "json"}), kOk) << out.str();
    FakeServer daemon(socket());
    daemon.answers["POST /v1/policies"] = {200, R"({"applied":[],"revision":1})"};
    EXPECT_EQ(weft({"policy", "apply", "-f", policies}), kOk) << err.str();
    const auto applied = Json::parse(daemon.asked.back().body);
    FakeServer hubble("");
    hubble.answers["GET /v1/flows"] = {200, lines};
    EXPECT_EQ(weft({"--hubble", hubble.url(), "policy", "recommend", "-o", "json"}), kOk) << err.str();
    EXPECT_EQ(hubble.asked.back().target, "/v1/flows?last=100000");
    const auto answer = Json::parse(out.str());
    EXPECT_EQ(answer["policies"], applied) << "the same as YAML and as JSON";
    EXPECT_EQ(answer["replayed"], 1);
    EXPECT_EQ(answer["denied"], Json::array());
}

TEST_F(CliRun, PolicyRecommendThatFindsNothingSaysSo) {
    EXPECT_EQ(weft({"policy", "recommend", "-f", file("flows", flow_line("DROPPED", kTcp80))}), kFailed);
    EXPECT_NE(err.str().find("no allowed connections in 1 lines"), std::string::npos);
    EXPECT_EQ(weft({"policy", "recommend", "-f", file("flows", flow_line("FORWARDED", kTcp80) + "{\n")}), kFailed);
    EXPECT_NE(err.str().find("line 2"), std::string::npos) << err.str();
    EXPECT_EQ(weft({"policy", "recommend", "-f", dir / "none"}), kFailed);
    EXPECT_EQ(weft({"--hubble", "http://127.0.0.1:1", "policy", "recommend"}), kUnreachable);
    EXPECT_EQ(weft({"policy", "recommend", "--direction", "up"}), kUsage);
}

}  // namespace
}  // namespace weft::cli::test
