#include "policy/parse.hpp"

#include <gtest/gtest.h>

#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

Json np(const std::string& spec) {
    return {{"apiVersion", "networking.k8s.io/v1"},
            {"kind", "NetworkPolicy"},
            {"metadata", {{"name", "p"}, {"namespace", "x"}}},
            {"spec", json(spec)}};
}

Policy parsed(const std::string& spec) {
    const Json object = np(spec);
    return parse_network_policy(JsonView(object)).value();
}

TEST(NetworkPolicy, AllFields) {
    const auto policy = parsed(R"({
        "podSelector": {"matchLabels": {"app": "db"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
          {"from": [{"podSelector": {"matchLabels": {"app": "web"}}},
                    {"namespaceSelector": {"matchLabels": {"team": "a"}}},
                    {"namespaceSelector": {}, "podSelector": {"matchLabels": {"b": "c"}}},
                    {"ipBlock": {"cidr": "10.0.0.1/8", "except": ["10.2.0.0/16", "10.1.0.0/16", "10.2.0.0/16"]}}],
           "ports": [{"port": 80}, {"protocol": "UDP", "port": 1000, "endPort": 2000}, {"protocol": "SCTP"}, {"port": "web"}]},
          {}],
        "egress": [{"to": [{"ipBlock": {"cidr": "2001:db8::/32"}}], "ports": null}]})");
    EXPECT_EQ(policy.name, (PolicyName{"NetworkPolicy", "x", "p"}));
    EXPECT_EQ(policy.key(), "NetworkPolicy/x/p");
    EXPECT_EQ(policy.specs.at(0).subject.text(), "pods app=db of namespace x");
    EXPECT_EQ(policy.specs.at(0).isolates, (std::array<bool, 2>{true, true}));
    ASSERT_EQ(policy.specs.at(0).rules.size(), 3U);
    const auto& egress = policy.specs.at(0).rules[0];
    EXPECT_EQ(egress.direction, Direction::kEgress);
    EXPECT_TRUE(egress.any_port);
    const auto& first = policy.specs.at(0).rules[1];
    EXPECT_EQ(first.index, 0);
    ASSERT_EQ(first.peers.size(), 4U);
    EXPECT_EQ(std::get<PodSet>(first.peers[0]).text(), "pods app=web of namespace x");
    EXPECT_EQ(std::get<PodSet>(first.peers[1]).text(), "pods <all> of namespaces team=a");
    EXPECT_EQ(std::get<PodSet>(first.peers[2]).text(), "pods b=c of namespaces <all>");
    EXPECT_EQ(std::get<IpBlock>(first.peers[3]).text(), "10.0.0.0/8 except 10.1.0.0/16 except 10.2.0.0/16");
    const std::vector<PortMatch> ports = {
        {kTcp, "", 80, 80}, {kUdp, "", 1000, 2000}, {kSctp, "", 0, 0xffff}, {kTcp, "web", 0, 0xffff}};
    EXPECT_EQ(first.ports, ports);
    EXPECT_TRUE(policy.specs.at(0).rules[2].any_peer && policy.specs.at(0).rules[2].any_port);
    EXPECT_EQ(policy.specs.at(0).rules[2].index, 1);
}

TEST(NetworkPolicy, TypesAndTheirDefaults) {
    struct Row {
        const char* spec;
        bool egress, ingress;
        std::size_t rules;
    };
    const Row rows[] = {
        {R"({"podSelector":{}})", false, true, 0},
        {R"({})", false, true, 0},
        {R"({"podSelector":null})", false, true, 0},
        {R"({"podSelector":{},"egress":[]})", false, true, 0},
        {R"({"podSelector":{},"egress":[{}]})", true, true, 1},
        {R"({"podSelector":{},"policyTypes":[],"egress":[{}]})", true, true, 1},
        {R"({"podSelector":{},"policyTypes":["Egress"]})", true, false, 0},
        {R"({"podSelector":{},"policyTypes":["Egress"],"ingress":[{}]})", true, false, 0},
        {R"({"podSelector":{},"policyTypes":["Ingress"],"ingress":[{}],"egress":[{}]})", false, true, 1},
        {R"({"podSelector":{},"policyTypes":["Ingress","Ingress"]})", false, true, 0},
    };
    for (const auto& row : rows) {
        const auto policy = parsed(row.spec);
        EXPECT_EQ(policy.specs.at(0).isolates, (std::array<bool, 2>{row.egress, row.ingress})) << row.spec;
        EXPECT_EQ(policy.specs.at(0).rules.size(), row.rules) << row.spec;
        EXPECT_TRUE(policy.specs.at(0).subject.pods.empty());
    }
}

std::string ingress(const std::string& rule) {
    return R"({"podSelector":{},"ingress":[)" + rule + "]}";
}

TEST(NetworkPolicy, RefusedAsByTheApiServer) {
    const std::pair<std::string, std::string> rows[] = {
        {R"({"podSelector":{},"ingres":[]})", "$.spec.ingres"},
        {R"({"podSelector":[]})", "$.spec.podSelector"},
        {R"({"podSelector":{},"policyTypes":["ingress"]})", "$.spec.policyTypes[0]"},
        {R"({"podSelector":{},"policyTypes":["Ingress","Egress","Egress"]})", "$.spec.policyTypes[2]"},
        {ingress(R"({"to":[]})"), "$.spec.ingress[0].to"},
        {R"({"podSelector":{},"egress":[{"from":[]}]})", "$.spec.egress[0].from"},
        {ingress(R"({"from":[{}]})"), "$.spec.ingress[0].from[0]"},
        {ingress(R"({"from":[{"podSelector":null}]})"), "$.spec.ingress[0].from[0]"},
        {ingress(R"({"from":{}})"), "$.spec.ingress[0].from"},
        {ingress(R"({"from":[{"podSelector":{},"ipBlock":{"cidr":"10.0.0.0/8"}}]})"), "$.spec.ingress[0].from[0]"},
        {ingress(R"({"from":[{"namespaceSelector":{},"ipBlock":{"cidr":"10.0.0.0/8"}}]})"),
         "$.spec.ingress[0].from[0]"},
        {ingress(R"({"from":[{"ipBlock":{}}]})"), "$.spec.ingress[0].from[0].ipBlock"},
        {ingress(R"({"from":[{"ipBlock":{"cidr":"10.0.0.0"}}]})"), "$.spec.ingress[0].from[0].ipBlock.cidr"},
        {ingress(R"({"from":[{"ipBlock":{"cidr":"10.0.0.0/33"}}]})"), "$.spec.ingress[0].from[0].ipBlock.cidr"},
        {ingress(R"({"from":[{"ipBlock":{"cidr":"::/129"}}]})"), "$.spec.ingress[0].from[0].ipBlock.cidr"},
        {ingress(R"({"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["11.0.0.0/16"]}}]})"),
         "$.spec.ingress[0].from[0].ipBlock.except[0]"},
        {ingress(R"({"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.0.0.0/8"]}}]})"),
         "$.spec.ingress[0].from[0].ipBlock.except[0]"},
        {ingress(R"({"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["0.0.0.0/0"]}}]})"),
         "$.spec.ingress[0].from[0].ipBlock.except[0]"},
        {ingress(R"({"from":[{"ipBlock":{"cidr":"::/0","except":["10.0.0.0/8"]}}]})"),
         "$.spec.ingress[0].from[0].ipBlock.except[0]"},
        {ingress(R"({"ports":[{"port":0}]})"), "$.spec.ingress[0].ports[0].port"},
        {ingress(R"({"ports":[{"port":65536}]})"), "$.spec.ingress[0].ports[0].port"},
        {ingress(R"({"ports":[{"port":80.5}]})"), "$.spec.ingress[0].ports[0].port"},
        {ingress(R"({"ports":[{"port":true}]})"), "$.spec.ingress[0].ports[0].port"},
        {ingress(R"({"ports":[{"port":"80"}]})"), "$.spec.ingress[0].ports[0].port"},
        {ingress(R"({"ports":[{"port":"UPPER"}]})"), "$.spec.ingress[0].ports[0].port"},
        {ingress(R"({"ports":[{"protocol":"tcp"}]})"), "$.spec.ingress[0].ports[0].protocol"},
        {ingress(R"({"ports":[{"protocol":"ICMP"}]})"), "$.spec.ingress[0].ports[0].protocol"},
        {ingress(R"({"ports":[{"endPort":90}]})"), "$.spec.ingress[0].ports[0].endPort"},
        {ingress(R"({"ports":[{"port":"web","endPort":90}]})"), "$.spec.ingress[0].ports[0].endPort"},
        {ingress(R"({"ports":[{"port":91,"endPort":90}]})"), "$.spec.ingress[0].ports[0].endPort"},
        {ingress(R"({"ports":[{"port":91,"endPort":65536}]})"), "$.spec.ingress[0].ports[0].endPort"},
        {ingress(R"({"ports":[{"prot":"TCP"}]})"), "$.spec.ingress[0].ports[0].prot"},
    };
    for (const auto& [spec, path] : rows) {
        const Json object = np(spec);
        const auto policy = parse_network_policy(JsonView(object));
        ASSERT_FALSE(policy) << spec;
        EXPECT_EQ(policy.error().code, ErrorCode::kInvalid);
        EXPECT_EQ(policy.error().path, path) << spec << ": " << policy.error().text();
    }
}

TEST(Objects, ServerFilledMetadataAndStatusPass) {
    Json object = np(R"({"podSelector":{}})");
    object["metadata"].update(json(
        R"({"uid":"u","resourceVersion":"5","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{}],
        "annotations":{"a b":"c"},"labels":{"app":"x"},"ownerReferences":[]})"));
    object["status"] = Json::object();
    EXPECT_TRUE(parse_object(JsonView(object)));
    object["metadata"]["lables"] = Json::object();
    const auto refused = parse_object(JsonView(object));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().path, "$.metadata.lables");
}

TEST(Objects, MetadataIsChecked) {
    const std::pair<const char*, const char*> rows[] = {
        {R"({"apiVersion":"v1","kind":"Pod"})", "$"},
        {R"({"apiVersion":"v1","kind":"Pod","metadata":{}})", "$.metadata"},
        {R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"A"}})", "$.metadata.name"},
        {R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"a.b"}})", "$.metadata.namespace"},
        {R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a.b"}})", "$.metadata.name"},
        {R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a","namespace":"b"}})", "$.metadata.namespace"},
        {R"({"apiVersion":"v2","kind":"Pod","metadata":{"name":"a"}})", "$.apiVersion"},
        {R"({"apiVersion":"v1","kind":"Gizmo","metadata":{"name":"a"}})", "$.kind"},
        {R"({"kind":"Pod","metadata":{"name":"a"}})", "$"},
        {R"({"apiVersion":"v1","metadata":{"name":"a"}})", "$"},
        {R"("text")", "$"},
    };
    for (const auto& [text, path] : rows) {
        const Json value = json(text);
        const auto object = parse_object(JsonView(value));
        ASSERT_FALSE(object) << text;
        EXPECT_EQ(object.error().path, path) << object.error().text();
    }
}

TEST(Objects, Pod) {
    const Json value =
        json(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1","labels":{"app":"web"},"uid":"7"},
        "spec":{"nodeName":"n1","restartPolicy":"Always","containers":[
            {"name":"c","image":"i","ports":[{"name":"http","containerPort":8080},{"containerPort":9},{"name":"dns","containerPort":53,"protocol":"UDP"}]}],
          "initContainers":[{"name":"s","restartPolicy":"Always","ports":[{"name":"metrics","containerPort":9090}]},
                            {"name":"i","ports":[{"name":"gone","containerPort":1}]}]},
        "status":{"phase":"Running","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}]}})");
    const auto pod = parse_pod(JsonView(value)).value();
    EXPECT_EQ(pod.namespace_, "default");
    EXPECT_EQ(pod.node, "n1");
    EXPECT_EQ(pod.uid, "7");
    EXPECT_EQ(pod.labels, (Labels{{"app", "web"}}));
    EXPECT_EQ(pod.addresses, (std::vector<IpAddr>{ip("10.0.0.1"), ip("fd00::1")}));
    EXPECT_EQ(pod.ports, (std::vector<NamedPort>{{"dns", kUdp, 53}, {"http", kTcp, 8080}, {"metrics", kTcp, 9090}}));
    EXPECT_FALSE(pod.host_network);
}

TEST(Objects, PodVariants) {
    const auto parse = [](const std::string& spec, const std::string& status) {
        const Json value{{"apiVersion", "v1"},
                         {"kind", "Pod"},
                         {"metadata", {{"name", "a"}}},
                         {"spec", json(spec)},
                         {"status", json(status)}};
        return parse_pod(JsonView(value));
    };
    EXPECT_EQ(parse("{}", R"({"podIP":"10.0.0.1"})").value().addresses.size(), 1U);
    EXPECT_EQ(parse("{}", R"({"podIP":""})").value().addresses.size(), 0U);
    EXPECT_EQ(parse("{}", R"({"phase":"Succeeded","podIP":"10.0.0.1"})").value().addresses.size(), 0U)
        << "its address may be another pod's by now";
    EXPECT_EQ(parse("{}", R"({"phase":"Failed","podIP":"10.0.0.1"})").value().addresses.size(), 0U);
    EXPECT_TRUE(parse(R"({"hostNetwork":true})", "{}").value().host_network);
    const std::tuple<const char*, const char*, const char*> bad[] = {
        {"{}", R"({"podIP":"10.0.0.256"})", "$.status.podIP"},
        {"{}", R"({"podIPs":[{"ip":"::ffff:10.0.0.1"}]})", "$.status.podIPs[0].ip"},
        {"{}", R"({"podIPs":[{}]})", "$.status.podIPs[0]"},
        {R"({"hostNetwork":"yes"})", "{}", "$.spec.hostNetwork"},
        {R"({"containers":{}})", "{}", "$.spec.containers"},
        {R"({"containers":[{"ports":[{"name":"a"}]}]})", "{}", "$.spec.containers[0].ports[0]"},
        {R"({"containers":[{"ports":[{"containerPort":0}]}]})", "{}", "$.spec.containers[0].ports[0].containerPort"},
        {R"({"containers":[{"ports":[{"containerPort":1,"name":"-"}]}]})", "{}", "$.spec.containers[0].ports[0].name"},
    };
    for (const auto& [spec, status, path] : bad) {
        const auto pod = parse(spec, status);
        ASSERT_FALSE(pod) << path;
        EXPECT_EQ(pod.error().path, path) << pod.error().text();
    }
}

TEST(Objects, EveryNamespaceHasItsNameAsLabel) {
    const Json value = json(
        R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"x","labels":{"kubernetes.io/metadata.name":"forged","a":"b"}}})");
    EXPECT_EQ(parse_namespace(JsonView(value)).value().labels,
              (Labels{{"kubernetes.io/metadata.name", "x"}, {"a", "b"}}));
}

TEST(Objects, Lists) {
    const Json policy = np(R"({"podSelector":{}})");
    const Json pod = json(R"({"metadata":{"name":"a"}})");
    Json list{
        {"apiVersion", "v1"}, {"kind", "List"}, {"metadata", {{"resourceVersion", ""}}}, {"items", {policy, policy}}};
    EXPECT_EQ(parse_objects(JsonView(list)).value().size(), 2U);
    const Json pods{{"apiVersion", "v1"}, {"kind", "PodList"}, {"items", {pod, pod, pod}}};
    EXPECT_EQ(parse_objects(JsonView(pods)).value().size(), 3U);
    EXPECT_EQ(parse_objects(JsonView(policy)).value().size(), 1U);
    EXPECT_TRUE(
        parse_objects(JsonView(Json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", nullptr}})).value().empty());
    list["items"].push_back(pod);
    const auto one_bad = parse_objects(JsonView(list));
    ASSERT_FALSE(one_bad) << "all or nothing";
    EXPECT_EQ(one_bad.error().path, "$.items[2]");
    const Json mixed{{"apiVersion", "v1"}, {"kind", "PodList"}, {"items", {policy}}};
    EXPECT_FALSE(parse_objects(JsonView(mixed)));
    const Json nested{{"apiVersion", "v1"}, {"kind", "List"}, {"items", {list}}};
    EXPECT_FALSE(parse_objects(JsonView(nested)));
}

}  // namespace
}  // namespace weft::policy::test
