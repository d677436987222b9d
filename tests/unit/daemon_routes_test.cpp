
#include "common/yaml.hpp"
#include "daemon/api/routes.hpp"
#include "datapath/abi/types.h"
#include "tests/unit/daemon_fixture.hpp"

namespace weft {
namespace {

std::string slurp(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

Json openapi() {
    return parse_yaml(slurp(std::filesystem::path(WEFT_SOURCE_DIR) / "docs/openapi.yaml")).value().at(0);
}

TEST(DaemonRoutes, OpenApiDescribesExactlyTheRoutes) {
    std::set<std::string> described, served;
    const Json document = openapi();
    for (const auto& [path, item] : document["paths"].items())
        for (const auto& [method, operation] : item.items()) {
            if (method == "parameters") continue;
            std::string upper = method;
            std::ranges::transform(upper, upper.begin(),
                                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
            described.insert(upper + " " + path);
            EXPECT_TRUE(operation.contains("summary") && operation.contains("responses")) << path;
            EXPECT_TRUE(operation["responses"].contains("default")) << path << ": errors are not described";
        }
    for (const auto& route : api::routes())
        EXPECT_TRUE(served.insert(fmt::format("{} {}", route.method, route.pattern)).second);
    EXPECT_EQ(described, served);
    EXPECT_EQ(served.size(), 21U);
}

TEST(DaemonRoutes, OpenApiReferencesResolveAndParametersAreNamed) {
    const Json document = openapi();
    const std::string text = document.dump();
    for (std::size_t at = text.find("#/components/"); at != std::string::npos;
         at = text.find("#/components/", at + 1)) {
        const auto reference = text.substr(at + 1, text.find('"', at) - at - 1);
        EXPECT_TRUE(document.contains(Json::json_pointer(reference))) << reference;
    }
    for (const auto& [path, item] : document["paths"].items()) {
        const auto wanted = std::ranges::count(path, '{');
        EXPECT_EQ(static_cast<std::ptrdiff_t>(item.contains("parameters") ? item["parameters"].size() : 0), wanted)
            << path;
    }
}

struct DaemonApi : testing::Test {
    test::Folder folder;
    test::FakeKernel kernel;
    test::Parts parts{folder.path(), kernel};
    api::Context context{parts.reconciler,
                         parts.objects,
                         parts.feed,
                         parts.registry,
                         parts.ipam,
                         nullptr,
                         datapath::Pins{folder.path() / "bpf"},
                         {},
                         [] { return api::FlowCounts{}; },
                         std::chrono::steady_clock::now()};

    api::Reply call(std::string_view method, std::string_view path, std::string body = "") {
        api::Call request;
        request.body = std::move(body);
        return api::dispatch(context, method, path, std::move(request));
    }
};

constexpr std::string_view kAdd =
    R"({"container_id":"c1","ifname":"eth0","network":"weft","netns":"/proc/self/ns/net","netns_dev":4,"netns_inode":1,
 "host_ifname":"weft0123456789a","host_ifindex":7,"mac":"0a:00:00:00:00:01","pod":{"namespace":"default","name":"web"},"labels":{"app":"web"}})";

TEST_F(DaemonApi, AddAnswersAsTheContractSays) {
    const auto reply = call("POST", "/v1/endpoints", std::string(kAdd));
    ASSERT_EQ(reply.status, 201) << reply.body;
    const Json answer = Json::parse(reply.body);
    EXPECT_EQ(answer["id"], 1);
    EXPECT_EQ(
        answer["ips"],
        Json::parse(
            R"([{"address":"10.244.0.2/32","gateway":"10.244.0.1"},{"address":"fd00:10:244::2/128","gateway":"fd00:10:244::1"}])"));
    const std::uint8_t mac[6] = WEFT_GATEWAY_MAC;
    EXPECT_EQ(answer["gateway_mac"], endpoint::mac_text(std::to_array(mac)));
    EXPECT_EQ(call("POST", "/v1/endpoints", std::string(kAdd)).status, 409);
    EXPECT_EQ(Json::parse(call("GET", "/v1/endpoints/1").body)["pod"]["name"], "web");
    EXPECT_EQ(Json::parse(call("GET", "/v1/endpoints").body).size(), 1U);
    EXPECT_EQ(call("DELETE", "/v1/endpoints/c1/eth0").status, 204);
    EXPECT_EQ(call("DELETE", "/v1/endpoints/c1/eth0").status, 204);
    EXPECT_EQ(call("GET", "/v1/endpoints/1").status, 404);
}

// A set that does not fit is refused whole: the error has the numbers, and nothing of it is there afterwards.
TEST_F(DaemonApi, WhatDoesNotFitIsRefusedWhole) {
    ASSERT_EQ(call("POST", "/v1/endpoints", std::string(kAdd)).status, 201);
    ASSERT_EQ(call("POST", "/v1/policies", test::deny_all("fits")).status, 200);
    const auto image = kernel.image;
    kernel.refusal =
        fail(ErrorCode::kExhausted, "1048577 rows are needed in map policy_classes, it has 1048576").error();
    const auto reply = call("POST", "/v1/policies", test::deny_all("too-much"));
    EXPECT_EQ(reply.status, 507) << reply.body;
    const Json error = Json::parse(reply.body)["error"];
    EXPECT_EQ(error["code"], "exhausted");
    EXPECT_NE(error["message"].get<std::string>().find("1048577 rows are needed in map policy_classes, it has 1048576"),
              std::string::npos)
        << error;
    EXPECT_EQ(Json::parse(call("GET", "/v1/policies").body).size(), 1U);
    EXPECT_NE(Json::parse(call("GET", "/v1/status").body).dump().find("1048577 rows"), std::string::npos);
    parts.reconciler.read([&](const reconcile::View& view) { EXPECT_EQ(view.image.policies, image.policies); });
    EXPECT_EQ(call("POST", "/v1/policies", test::deny_all("fits-too")).status, 200);
}

// A write that fails while the maps are written: reported, the old policy stays in force, for readers too.
TEST_F(DaemonApi, AFailedWriteIsReportedAndLeavesWhatWasInForce) {
    ASSERT_EQ(call("POST", "/v1/endpoints", std::string(kAdd)).status, 201);
    ASSERT_EQ(call("POST", "/v1/policies", test::deny_all("old")).status, 200);
    const auto image = kernel.image;
    kernel.refuse = 1;
    const auto reply = call("POST", "/v1/policies", test::deny_all("new"));
    EXPECT_EQ(reply.status, 500) << reply.body;
    EXPECT_NE(reply.body.find("the kernel refused"), std::string::npos) << reply.body;
    EXPECT_EQ(Json::parse(call("GET", "/v1/policies").body).size(), 1U);
    parts.reconciler.read([&](const reconcile::View& view) { EXPECT_EQ(view.image.policies, image.policies); });
    EXPECT_EQ(call("POST", "/v1/policies/validate", test::deny_all("tried")).status, 200);
    parts.reconciler.read([&](const reconcile::View& view) {
        EXPECT_EQ(view.image.policies, image.policies) << "a rehearsal changes nothing";
    });
}

TEST_F(DaemonApi, WrongInputIsRefusedWithThePlace) {
    const auto refused = [&](std::string_view from, std::string_view to) {
        std::string body(kAdd);
        body.replace(body.find(from), from.size(), to);
        const auto reply = call("POST", "/v1/endpoints", body);
        EXPECT_EQ(reply.status, 400) << reply.body;
        return Json::parse(reply.body)["error"]["path"].get<std::string>();
    };
    EXPECT_EQ(refused("\"c1\"", "\"../x\""), "$.container_id");
    EXPECT_EQ(refused("\"eth0\"", "\"a/b\""), "$.ifname");
    EXPECT_EQ(refused("\"0a:00:00:00:00:01\"", "\"0b:00:00:00:00:01\""), "$.mac");
    EXPECT_EQ(refused("\"web\"}", "\"Web\"}"), "$.pod.name");
    EXPECT_EQ(refused("{\"app\":\"web\"}", "{\"app\":7}"), "$.labels.app");
    EXPECT_EQ(refused("\"network\"", "\"netwrk\""), "$.netwrk");
    EXPECT_EQ(refused("\"host_ifindex\":7", "\"host_ifindex\":0"), "$.host_ifindex");
    EXPECT_EQ(call("POST", "/v1/endpoints", "{").status, 400);
    EXPECT_TRUE(kernel.endpoints.empty());
}

TEST_F(DaemonApi, PathsAndMethods) {
    EXPECT_EQ(call("GET", "/v1/nothing").status, 404);
    EXPECT_EQ(call("GET", "/").status, 404);
    EXPECT_EQ(call("PUT", "/v1/endpoints").status, 405);
    EXPECT_EQ(call("GET", "/v1/endpoints/seven").status, 400);
}

TEST_F(DaemonApi, HealthIsThatOfThePinnedPrograms) {
    const auto progs = context.pins.program("");
    std::filesystem::create_directories(progs);
    for (const char* name : {WEFT_PROG_FROM_POD, WEFT_PROG_TO_POD, WEFT_PROG_FROM_NETDEV, WEFT_PROG_TO_NETDEV}) {
        const auto sick = call("GET", "/v1/healthz");
        EXPECT_EQ(sick.status, 503);
        EXPECT_NE(sick.body.find(name), std::string::npos) << sick.body;
        std::ofstream(progs / name) << "";
    }
    EXPECT_EQ(call("GET", "/v1/healthz").status, 200);
}

TEST_F(DaemonApi, PoliciesAllOrNothing) {
    const auto good = test::deny_all("p");
    EXPECT_EQ(call("POST", "/v1/policies",
                   R"({"apiVersion":"v1","kind":"List","items":[)" + good + R"(,{"apiVersion":"v1","kind":"Pod"}]})")
                  .status,
              400);
    EXPECT_EQ(Json::parse(call("GET", "/v1/policies").body), Json::array());
    EXPECT_EQ(Json::parse(call("POST", "/v1/policies/validate", good).body)["valid"], true);
    const Json applied = Json::parse(call("POST", "/v1/policies", good).body);
    EXPECT_EQ(applied["applied"],
              Json::parse(R"([{"kind":"NetworkPolicy","namespace":"default","name":"p","action":"created"}])"));
    EXPECT_EQ(Json::parse(call("GET", "/v1/policies/NetworkPolicy/default/p").body)["object"]["spec"]["policyTypes"],
              Json::array({"Ingress"}));
    EXPECT_EQ(call("DELETE", "/v1/policies/NetworkPolicy/default/p").status, 200);
    EXPECT_EQ(call("DELETE", "/v1/policies/NetworkPolicy/default/p").status, 404);
}

TEST_F(DaemonApi, ExplainNamesTheRule) {
    ASSERT_EQ(call("POST", "/v1/endpoints", std::string(kAdd)).status, 201);
    ASSERT_EQ(call("POST", "/v1/policies", test::deny_all("p")).status, 200);
    const auto reply =
        call("POST", "/v1/explain", R"({"source":"192.0.2.1","destination":"default/web","port":80,"protocol":"tcp"})");
    ASSERT_EQ(reply.status, 200) << reply.body;
    const Json answer = Json::parse(reply.body);
    EXPECT_EQ(answer["verdict"], "denied");
    EXPECT_EQ(answer["ingress"]["rule"]["policies"][0]["name"], "p");
    EXPECT_EQ(answer["ingress"]["by_default"], true);
    EXPECT_TRUE(answer["egress"].is_null());
    EXPECT_EQ(call("POST", "/v1/explain", R"({"source":"nobody","destination":"web"})").status, 404);
}

TEST_F(DaemonApi, StatusShowsEachPart) {
    const Json status = Json::parse(call("GET", "/v1/status").body);
    for (const auto* part : {"version", "node", "uptime_seconds", "memory_kib", "datapath", "ipam", "endpoints",
                             "policies", "apply", "sources", "metadata", "revision"})
        EXPECT_TRUE(status.contains(part)) << part;
    EXPECT_EQ(status["ipam"].size(), 2U);
}

}  // namespace
}  // namespace weft
