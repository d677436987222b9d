#include "cni/result.hpp"

#include <gtest/gtest.h>

namespace weft::cni {

namespace {

AddResult sample() {
    AddResult out;
    out.interfaces = {{"weft1a2b3c4d5e6", "02:77:65:66:74:01", "", 1500},
                      {"eth0", "0a:00:00:00:00:01", "/run/netns/x", 1500}};
    for (const auto& [ip, gateway] : {std::pair{"10.244.0.9", "10.244.0.1"}, std::pair{"fd00::9", "fd00::1"}}) {
        const auto address = *IpAddr::parse(ip);
        out.ips.push_back({{address, address.bits()}, *IpAddr::parse(gateway), 1});
        out.routes.push_back({Cidr::of(address, 0), *IpAddr::parse(gateway)});
    }
    out.dns = {{"nameservers", {"10.96.0.10"}}};
    return out;
}

Json golden(const std::string& version, const std::string& mtu, const std::string& v4, const std::string& v6) {
    return Json::parse(R"({"cniVersion":")" + version + R"(",
      "interfaces":[{"name":"weft1a2b3c4d5e6","mac":"02:77:65:66:74:01")" +
                       mtu + R"(},
                    {"name":"eth0","mac":"0a:00:00:00:00:01","sandbox":"/run/netns/x")" +
                       mtu + R"(}],
      "ips":[{"address":"10.244.0.9/32","gateway":"10.244.0.1","interface":1)" +
                       v4 + R"(},
             {"address":"fd00::9/128","gateway":"fd00::1","interface":1)" +
                       v6 + R"(}],
      "routes":[{"dst":"0.0.0.0/0","gw":"10.244.0.1"},{"dst":"::/0","gw":"fd00::1"}],
      "dns":{"nameservers":["10.96.0.10"]}})");
}

}  // namespace

TEST(AddResult, in_each_version) {
    const std::string v4 = R"(,"version":"4")", v6 = R"(,"version":"6")";
    EXPECT_EQ(to_json(sample(), Version::k0_3_1), golden("0.3.1", "", v4, v6));
    EXPECT_EQ(to_json(sample(), Version::k0_4_0), golden("0.4.0", "", v4, v6));
    EXPECT_EQ(to_json(sample(), Version::k1_0_0), golden("1.0.0", "", "", ""));
    EXPECT_EQ(to_json(sample(), Version::k1_1_0), golden("1.1.0", R"(,"mtu":1500)", "", ""));
}

TEST(AddResult, without_dns) {
    auto result = sample();
    result.dns = nullptr;
    EXPECT_EQ(to_json(result, Version::k1_0_0)["dns"], Json::object());
}

TEST(AddResult, reads_back_every_version) {
    for (std::size_t i = 0; i < kVersionTexts.size(); ++i) {
        const auto json = to_json(sample(), static_cast<Version>(i));
        const auto back = parse_result(JsonView(json));
        ASSERT_TRUE(back) << back.error().text();
        ASSERT_EQ(back->interfaces.size(), 2U);
        EXPECT_EQ(back->interfaces[1].sandbox, "/run/netns/x");
        ASSERT_EQ(back->ips.size(), 2U);
        EXPECT_EQ(back->ips[0].address, sample().ips[0].address);
        EXPECT_EQ(back->ips[1].gateway, sample().ips[1].gateway);
        EXPECT_EQ(back->ips[1].interface, 1U);
    }
}

TEST(AddResult, hostile_results) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"ips":[{"address":"10.0.0.1/32","interface":0}]})", "$.ips[0].interface"},
        {R"({"interfaces":[{"name":"a"}],"ips":[{"address":"10.0.0.1/32","interface":-1}]})", "$.ips[0].interface"},
        {R"({"interfaces":{}})", "$.interfaces"},
        {R"({"interfaces":[{}]})", "$.interfaces[0]"},
        {R"({"ips":[{"address":"10.0.0.1/33"}]})", "$.ips[0].address"},
        {R"({"ips":[{"address":"10.0.0.1/24","gateway":"x"}]})", "$.ips[0].gateway"},
    };
    for (const auto& [text, path] : cases) {
        const auto json = Json::parse(text);
        const auto result = parse_result(JsonView(json));
        ASSERT_FALSE(result) << text;
        EXPECT_TRUE(result.error().path.starts_with(path)) << result.error().text();
    }
}

}  // namespace weft::cni
