// Whole runs of `weft`: arguments in, requests, output and exit code out.
#include <gtest/gtest.h>

#include "tests/unit/cli/cli_run.hpp"
#include "tests/unit/cli/fake_servers.hpp"

namespace weft::cli {
namespace {

using test::CliRun;

constexpr const char* kPolicyYaml =
    "apiVersion: networking.k8s.io/v1\n"
    "kind: NetworkPolicy\n"
    "metadata: {name: web, namespace: shop}\n"
    "spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}\n";

TEST_F(CliRun, WrongUsageIsTwo) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{{},
                                                                       {"nonsense"},
                                                                       {"policy"},
                                                                       {"policy", "apply"},
                                                                       {"explain", "a"},
                                                                       {"status", "-o", "xml"},
                                                                       {"observe", "--last", "x"},
                                                                       {"map", "dump"}})
        EXPECT_EQ(weft(arguments), kUsage) << out.str() << err.str();
    EXPECT_EQ(weft({"nonsense"}), kUsage);
    EXPECT_NE(err.str().find("there is no command 'nonsense'"), std::string::npos) << err.str();
    EXPECT_EQ(weft({"--version"}), kOk);
    EXPECT_NE(out.str().find(WEFT_VERSION), std::string::npos) << out.str();
    EXPECT_EQ(weft({"--help"}), kOk);
    EXPECT_NE(out.str().find("Exit codes"), std::string::npos);
}

TEST_F(CliRun, DaemonThatDoesNotAnswerIsThree) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{{"status"},
                                                                       {"endpoint", "list"},
                                                                       {"policy", "list"},
                                                                       {"rule", "list"},
                                                                       {"identity", "list"},
                                                                       {"map", "list"},
                                                                       {"explain", "a", "b", "80"}}) {
        EXPECT_EQ(weft(arguments), kUnreachable) << arguments[0];
        EXPECT_NE(err.str().find(socket()), std::string::npos) << err.str();
        EXPECT_NE(err.str().find("--run-dir"), std::string::npos) << err.str();
    }
    env["WEFT_HUBBLE"] = "http://127.0.0.1:1";
    EXPECT_EQ(weft({"observe"}), kUnreachable);
    EXPECT_NE(err.str().find("WEFT_HUBBLE"), std::string::npos);
}

TEST_F(CliRun, EndpointsAsTableAndJson) {
    test::FakeServer daemon(socket());
    daemon.answers["GET /v1/endpoints"] = {
        200,
        R"([{"id":17,"pod":{"namespace":"default","name":"web"},"ips":["10.244.0.9"],"identity":260,
        "host_ifname":"weft1a2b","policies":{"ingress":3,"egress":0},"labels":{"app":"web"},"container_id":"c1"}])"};
    EXPECT_EQ(weft({"endpoint", "list"}), kOk) << err.str();
    EXPECT_EQ(out.str(),
              "ID  POD          ADDRESSES   IDENTITY  DEVICE    INGRESS   EGRESS  LABELS\n"
              "17  default/web  10.244.0.9  260       weft1a2b  isolated  open    app=web\n");
    EXPECT_EQ(weft({"endpoint", "list", "-o", "json"}), kOk);
    EXPECT_EQ(Json::parse(out.str())[0]["id"], 17);
    for (const char* name : {"web", "default/web", "c1"}) {
        EXPECT_EQ(weft({"endpoint", "get", name}), kOk) << name;
        EXPECT_EQ(Json::parse(out.str())["id"], 17);
    }
    EXPECT_EQ(weft({"endpoint", "get", "other/web"}), kFailed);
}

TEST_F(CliRun, PoliciesFromYamlJsonAndStandardInput) {
    test::FakeServer daemon(socket());
    daemon.answers["POST /v1/policies"] = {
        200,
        R"({"applied":[{"kind":"NetworkPolicy","namespace":"shop","name":"web","action":"created"}],"revision":4})"};
    const auto yaml = file("a.yaml", std::string(kPolicyYaml) + "---\n" + kPolicyYaml);
    EXPECT_EQ(weft({"policy", "apply", "-f", yaml}), kOk) << err.str();
    EXPECT_EQ(out.str(),
              "NetworkPolicy shop/web created\nin force at revision 4; 'weft policy status' shows for how many pods\n");
    const auto sent = Json::parse(daemon.asked.back().body);
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0]["spec"]["ingress"][0]["ports"][0]["port"], 80);
    in.str(R"({"kind":"NetworkPolicy","metadata":{"name":"x"}})");
    EXPECT_EQ(weft({"policy", "apply", "-f", "-"}), kOk);
    EXPECT_EQ(Json::parse(daemon.asked.back().body)[0]["metadata"]["name"], "x");
    EXPECT_EQ(weft({"policy", "apply", "-f", dir / "absent.json"}), kFailed);
    EXPECT_NE(err.str().find("absent.json"), std::string::npos);
}

TEST_F(CliRun, RefusalHasThePlaceAndIsOne) {
    test::FakeServer daemon(socket());
    daemon.answers["POST /v1/policies"] = {
        400, R"({"error":{"code":"invalid","message":"expected a string","path":"$[0].metadata.name"}})"};
    EXPECT_EQ(weft({"policy", "apply", "-f", file("a.json", R"({"kind":"NetworkPolicy"})")}), kFailed);
    EXPECT_EQ(err.str(), "weft: $[0].metadata.name: expected a string\n");
    EXPECT_EQ(out.str(), "");
}

TEST_F(CliRun, DeleteByNameAndByFile) {
    test::FakeServer daemon(socket());
    for (const char* target : {"NetworkPolicy/shop/web", "NetworkPolicy/default/web", "Pod/a/b"})
        daemon.answers[std::string("DELETE /v1/policies/") + target] = {200, R"({"revision":5})"};
    EXPECT_EQ(weft({"policy", "delete", "shop/web"}), kOk) << err.str();
    EXPECT_EQ(daemon.asked.back().target, "/v1/policies/NetworkPolicy/shop/web");
    EXPECT_EQ(weft({"policy", "delete", "web", "-n", "shop"}), kOk);
    EXPECT_EQ(daemon.asked.back().target, "/v1/policies/NetworkPolicy/shop/web");
    EXPECT_EQ(weft({"policy", "delete", "web"}), kOk);
    EXPECT_EQ(daemon.asked.back().target, "/v1/policies/NetworkPolicy/default/web");
    EXPECT_EQ(weft({"policy", "delete", "a/b", "--kind", "Pod"}), kOk);
    EXPECT_EQ(weft({"policy", "delete", "-f", file("a.yaml", kPolicyYaml)}), kOk);
    EXPECT_EQ(daemon.asked.back().target, "/v1/policies/NetworkPolicy/shop/web");
    EXPECT_EQ(weft({"policy", "delete", "gone"}), kFailed);
    daemon.answers["GET /v1/policies"] = {
        200,
        R"([{"kind":"CiliumNetworkPolicy","namespace":"shop","name":"gone"},{"kind":"Pod","namespace":"a","name":"b"}])"};
    for (const char* verb : {"delete", "get"}) {
        EXPECT_EQ(weft({"policy", verb, "gone"}), kFailed);
        EXPECT_NE(err.str().find("there is CiliumNetworkPolicy shop/gone (--kind CiliumNetworkPolicy -n shop)"),
                  std::string::npos)
            << err.str();
    }
    EXPECT_EQ(weft({"policy", "delete"}), kFailed);
}

TEST_F(CliRun, ValidateWithAndWithoutTheDaemon) {
    const auto good = file("good.yaml", kPolicyYaml);
    const auto bad = file("bad.yaml",
                          "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: x}\nspec: "
                          "{podSelector: {}, ingres: []}\n");
    EXPECT_EQ(weft({"policy", "validate", "-f", good}), kOk) << err.str();
    EXPECT_NE(out.str().find("without weftd"), std::string::npos);
    EXPECT_EQ(weft({"policy", "validate", "--live", "-f", good}), kUnreachable);
    EXPECT_EQ(weft({"policy", "validate", "-f", bad, "-f", good}), kFailed);
    EXPECT_EQ(err.str(), bad + ", document 1: $.spec.ingres: unknown field; did you mean 'ingress'?\n");
    EXPECT_EQ(out.str(), "");
    EXPECT_EQ(weft({"policy", "validate", "-o", "json", "-f", bad}), kFailed);
    EXPECT_EQ(Json::parse(out.str())["errors"],
              (Json::array({{{"file", bad},
                             {"document", 1},
                             {"path", "$.spec.ingres"},
                             {"message", "unknown field; did you mean 'ingress'?"}}})));
    test::FakeServer daemon(socket());
    daemon.answers["POST /v1/policies/validate"] = {
        200,
        R"({"valid":true,"warnings":[{"object":"NetworkPolicy shop/web","path":"$.spec","message":"selects no pod"}]})"};
    EXPECT_EQ(weft({"policy", "validate", "-f", good}), kOk);
    EXPECT_EQ(out.str(), "valid\nwarning: NetworkPolicy shop/web $.spec: selects no pod\n");
    EXPECT_EQ(weft({"policy", "validate", "--strict", "-f", good}), kFailed);
    const auto asked = daemon.asked.size();
    EXPECT_EQ(weft({"policy", "validate", "--offline", "--strict", "-f", good}), kOk) << out.str();
    EXPECT_EQ(daemon.asked.size(), asked);
    EXPECT_EQ(weft({"policy", "validate", "-f", bad}), kFailed);
    EXPECT_EQ(daemon.asked.size(), asked) << "what is wrong by itself is not sent";
}

TEST_F(CliRun, ValidateLooksAtEveryFileAndAnswersInJsonAlways) {
    const auto good = file("good.yaml", kPolicyYaml), torn = file("torn.yaml", "kind: ["),
               empty = file("empty.yaml", "");
    const auto gone = (dir / "gone.yaml").string();
    EXPECT_EQ(weft({"policy", "validate", "-o", "json", "-f", torn, "-f", empty, "-f", gone, "-f", good}), kFailed);
    auto answer = Json::parse(out.str());
    ASSERT_EQ(answer["errors"].size(), 3U) << answer;
    EXPECT_EQ(answer["errors"][0]["file"], torn);
    EXPECT_EQ(answer["errors"][1]["message"].get<std::string>().find("is empty") == std::string::npos, false);
    EXPECT_EQ(answer["valid"], false);
    const auto flow = file("flow.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: a}}");
    EXPECT_EQ(weft({"policy", "validate", "-f", flow}), kOk) << "YAML's short form: " << err.str();
    test::FakeServer daemon(socket());
    daemon.answers["POST /v1/policies/validate"] = {
        422, R"({"error":{"code":"exhausted","message":"does not fit","path":"$.spec"}})"};
    EXPECT_EQ(weft({"policy", "validate", "-o", "json", "-f", good}), kFailed);
    answer = Json::parse(out.str());
    EXPECT_EQ(answer["offline"], false);
    EXPECT_EQ(answer["errors"][0]["file"], "weftd");
    EXPECT_EQ(weft({"policy", "validate", "-f", good}), kFailed);
    EXPECT_NE(err.str().find("does not fit"), std::string::npos);
}

TEST_F(CliRun, ValidateCompilesWhatStandsInTheFiles) {
    std::string text =
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: many, namespace: x}\n"
        "spec: {endpointSelector: {}, egress: [{toFQDNs: [";
    for (int i = 0; i < 200; ++i) text += fmt::format("{{matchPattern: '*a*b*c{}*d*e*f*.example.com'}}, ", i);
    text += "]}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\n";
    EXPECT_EQ(weft({"policy", "validate", "--offline", "-f", file("many.yaml", text)}), kFailed);
    EXPECT_NE(err.str().find("need an automaton of more than"), std::string::npos) << err.str();
}

TEST_F(CliRun, ValidateRefusesTwoObjectsOfOneName) {
    const auto first = file("first.yaml", kPolicyYaml), second = file("second.yaml", kPolicyYaml);
    EXPECT_EQ(weft({"policy", "validate", "--offline", "-f", first, "-f", second}), kFailed);
    EXPECT_EQ(err.str(), second + ", document 1: NetworkPolicy shop/web stands in " + first + ", document 1 already\n");
    const auto twice = file("twice.yaml", std::string(kPolicyYaml) + "---\n" + kPolicyYaml);
    EXPECT_EQ(weft({"policy", "validate", "--offline", "-f", twice}), kFailed);
    const auto other = file("other.yaml",
                            "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\n"
                            "metadata: {name: web, namespace: other}\nspec: {podSelector: {}}\n");
    EXPECT_EQ(weft({"policy", "validate", "--offline", "-f", first, "-f", other}), kOk) << err.str();
}

TEST_F(CliRun, ValidateWarnsWithoutTheDaemonOfWhatTheFilesTell) {
    const auto closed = file("closed.yaml",
                             "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: x}\n"
                             "spec: {podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}, {ports: "
                             "[{port: 80}]}]}\n");
    EXPECT_EQ(weft({"policy", "validate", "-o", "json", "-f", closed}), kOk) << err.str();
    const auto answer = Json::parse(out.str());
    EXPECT_EQ(answer["offline"], true);
    ASSERT_EQ(answer["warnings"].size(), 2U) << answer;
    EXPECT_EQ(answer["warnings"][0]["kind"], "denies-dns");
    EXPECT_EQ(answer["warnings"][1]["kind"], "shadowed");
    EXPECT_EQ(answer["warnings"][1]["path"], "$.spec.egress[1]");
    EXPECT_EQ(weft({"policy", "validate", "--strict", "-f", closed}), kFailed);
}

TEST_F(CliRun, ExplainSaysWhoDecidesAndExitsFourWhenDenied) {
    test::FakeServer daemon(socket());
    daemon.answers["POST /v1/explain"] = {200, R"({"verdict":"denied","exemption":"none",
        "source":{"name":"default/a","address":"10.0.0.1"},"destination":{"name":"10.0.0.2","address":"10.0.0.2"},
        "egress":{"verdict":"allowed","isolated":false,"rule":null},
        "ingress":{"verdict":"denied","isolated":true,"rule":{"default_deny":true,"policies":[{"kind":"NetworkPolicy","namespace":"default","name":"deny"}]}}})"};
    EXPECT_EQ(weft({"explain", "a", "10.0.0.2", "53/udp"}), kDenied) << err.str();
    EXPECT_EQ(out.str(),
              "denied: default/a (10.0.0.1) -> 10.0.0.2, 53/udp\n"
              "  egress   allowed: no policy isolates the pod\n"
              "  ingress  denied: default deny of NetworkPolicy default/deny\n");
    const auto asked = Json::parse(daemon.asked.back().body);
    EXPECT_EQ(asked, Json::parse(R"({"source":"a","destination":"10.0.0.2","port":53,"protocol":"UDP"})"));
    daemon.answers["POST /v1/explain"] = {200, R"({"verdict":"allowed","exemption":"host"})"};
    EXPECT_EQ(weft({"explain", "a", "b", "icmp"}), kOk);
    EXPECT_EQ(Json::parse(daemon.asked.back().body)["port"], 8) << "an echo request";
    for (const auto& [port, type] : {std::pair("icmpv6", 128), std::pair("icmp/13", 13), std::pair("ICMP/EchoReply", 0),
                                     std::pair("icmpv6/PacketTooBig", 2)}) {
        EXPECT_EQ(weft({"explain", "a", "b", port}), kOk) << port;
        EXPECT_EQ(Json::parse(daemon.asked.back().body)["port"], type) << port;
    }
    for (const char* port : {"", "x", "80/", "80/icmp", "70000", "icmp/256", "icmp/PacketTooBig", "icmp/", "-1"})
        EXPECT_NE(weft({"explain", "a", "b", port}), kOk) << port;
}

TEST_F(CliRun, ExplainTellsWhatTheKernelsRowsSay) {
    test::FakeServer daemon(socket());
    const auto said = [&](const std::string& rest) {
        daemon.answers["POST /v1/explain"] = {200, R"({"verdict":"denied","exemption":"none",
            "source":{"name":"a","address":"a"},"destination":{"name":"b","address":"b"},)" +
                                                       rest + "}"};
        EXPECT_EQ(weft({"explain", "a", "b", "80"}), kDenied) << err.str();
        return out.str();
    };
    EXPECT_EQ(
        said(
            R"("egress":{"verdict":"allowed","isolated":true,"rule":null},"dropped_for":"unknown_destination","kernel":{"agrees":true})"),
        "denied: a -> b, 80\n  egress   allowed: no rule matches\n"
        "  dropped: the destination is of the pods' addresses, and no pod has it (unknown_destination)\n");
    EXPECT_TRUE(said(R"("kernel":{"agrees":false})").contains("weftd's own tables say otherwise"));
    EXPECT_TRUE(said(R"("kernel":null)").contains("the kernel's rows cannot be read"));
}

TEST_F(CliRun, ExplainShowsWhatPoliciesInAuditModeSay) {
    test::FakeServer daemon(socket());
    daemon.answers["POST /v1/explain"] = {200, R"({"verdict":"allowed","exemption":"none",
        "source":{"name":"a","address":"10.0.0.1"},"destination":{"name":"b","address":"10.0.0.2"},
        "ingress":{"verdict":"allowed","isolated":false,"rule":null},
        "audit":{"verdict":"denied","egress":null,"ingress":{"verdict":"denied","isolated":true,
          "rule":{"default_deny":true,"policies":[{"kind":"NetworkPolicy","namespace":"default","name":"watched"}]}}}})"};
    EXPECT_EQ(weft({"explain", "a", "b", "80"}), kOk) << err.str();
    EXPECT_EQ(out.str(),
              "allowed: a (10.0.0.1) -> b (10.0.0.2), 80\n"
              "  ingress  allowed: no policy isolates the pod\n"
              "with the policies in audit mode: denied\n"
              "  ingress  denied: default deny of NetworkPolicy default/watched\n");
}

TEST_F(CliRun, MapsAsTableAndAsTheDaemonsLines) {
    test::FakeServer daemon(socket());
    daemon.answers["GET /v1/maps"] = {200, R"([{"name":"addr4","what":"addresses"}])"};
    const std::string lines = "{\"address\":\"10.0.0.1\",\"class\":3}\n{\"address\":\"10.0.0.2\",\"class\":12}\n";
    daemon.answers["GET /v1/maps/addr4"] = {200, lines};
    EXPECT_EQ(weft({"map", "list"}), kOk);
    EXPECT_EQ(out.str(), "NAME   WHAT\naddr4  addresses\n");
    EXPECT_EQ(weft({"map", "dump", "addr4"}), kOk);
    EXPECT_EQ(out.str(), "address   class\n10.0.0.1  3\n10.0.0.2  12\n");
    EXPECT_EQ(weft({"-o", "json", "map", "dump", "addr4"}), kOk);
    EXPECT_EQ(out.str(), lines);
    EXPECT_EQ(weft({"map", "dump", "other"}), kFailed);
}

TEST_F(CliRun, ObservePassesFiltersOnAndShowsLines) {
    test::FakeServer hubble("");
    const std::string line =
        R"({"time":"2026-01-02T03:04:05Z","flow":{"verdict":"DROPPED","Summary":"UDP","IP":{"source":"10.0.0.1","destination":"10.0.0.2"}}})";
    hubble.answers["GET /v1/flows"] = {200, line + "\n" + line + "\n"};
    EXPECT_EQ(weft({"observe", "--hubble", hubble.url(), "--verdict", "dropped", "--from-pod", "default/a",
                    "--from-pod", "b", "--last", "7"}),
              kOk)
        << err.str();
    EXPECT_EQ(hubble.asked.back().target, "/v1/flows?last=7&source_pod=default%2Fa&source_pod=b&verdict=dropped");
    EXPECT_EQ(
        out.str(),
        "03:04:05.000  DROPPED    10.0.0.1 -> 10.0.0.2  UDP\n03:04:05.000  DROPPED    10.0.0.1 -> 10.0.0.2  UDP\n");
    env["WEFT_HUBBLE"] = hubble.url();
    EXPECT_EQ(weft({"observe", "-o", "json", "--since", "5m"}), kOk);
    EXPECT_EQ(out.str(), line + "\n" + line + "\n");
    hubble.answers["GET /v1/flows"] = {400,
                                       R"({"error":{"code":"invalid","message":"no such verdict","path":"verdict"}})"};
    EXPECT_EQ(weft({"observe", "--verdict", "maybe"}), kFailed);
    EXPECT_EQ(err.str(), "weft: --verdict: no such verdict\n");
    for (const char* address : {"nonsense", "127.0.0.1:4245", "unix:///x", ""}) {
        EXPECT_EQ(weft({"observe", "--hubble", address}), kFailed) << address;
        EXPECT_NE(err.str().find("write http://HOST:PORT"), std::string::npos) << err.str();
    }
}

TEST_F(CliRun, StatusNamesWhatFailed) {
    test::FakeServer daemon(socket());
    daemon.answers["GET /v1/status"] = {
        200, R"({"version":"0.1.0","node":"n1","uptime_seconds":5,"memory_kib":2048,"endpoints":2,
        "ipam":[{"range":"10.244.0.0/24","used":2,"cooling":0,"free":251}],
        "sources":[{"name":"file:bad.json","objects":0,"error":{"code":"invalid","message":"expected a string","path":"$.kind"}}]})"};
    EXPECT_EQ(weft({"status"}), kOk);
    EXPECT_NE(out.str().find("10.244.0.0/24: 2 used"), std::string::npos) << out.str();
    EXPECT_NE(out.str().find("ERROR $.kind: expected a string"), std::string::npos) << out.str();
    EXPECT_EQ(weft({"version"}), kOk);
    EXPECT_NE(out.str().find("weftd  0.1.0"), std::string::npos);
}

TEST_F(CliRun, CompletionKnowsEveryCommand) {
    ASSERT_EQ(weft({"completion", "bash"}), kOk);
    const auto script = out.str();
    for (const char* word : {"\"policy apply\")", "\"map dump\")", "--from-pod", "--follow", "explain", "--kind"})
        EXPECT_NE(script.find(word), std::string::npos) << word;
    const auto completed = [&](const std::string& words, int at) {
        const auto path = file("completion", fmt::format("{}COMP_WORDS=({}); COMP_CWORD={}; _weft; echo "
                                                         "\"got:${{COMPREPLY[*]}}\"\n",
                                                         script, words, at));
        FILE* bash = popen(("bash " + path).c_str(), "r");
        char buffer[256] = {};
        if (bash == nullptr || fgets(buffer, sizeof buffer, bash) == nullptr) ADD_FAILURE() << words;
        if (bash != nullptr) pclose(bash);
        return std::string(buffer);
    };
    EXPECT_EQ(completed("weft policy va", 2), "got:validate\n");
    const auto test = file("a-test.yaml", "");
    EXPECT_EQ(completed("weft policy test " + test.substr(0, test.size() - 5), 3), "got:" + test + "\n");
    EXPECT_EQ(completed("weft policy recommend --dir", 3), "got:--direction\n");
}

TEST_F(CliRun, AnswersThatAreNotAsExpectedAreErrors) {
    test::FakeServer daemon(socket());
    for (const char* body : {"", "{", "[1,", "null", "7", "[7]", R"([{"labels":7}])"}) {
        daemon.answers["GET /v1/endpoints"] = {200, body};
        EXPECT_EQ(weft({"endpoint", "list"}), std::string_view(body).contains("labels") ? kOk : kFailed) << body;
    }
    daemon.answers["GET /v1/status"] = {200, R"({"memory_kib":"much","ipam":[7],"sources":{}})"};
    EXPECT_EQ(weft({"status"}), kFailed);
}

}  // namespace
}  // namespace weft::cli
