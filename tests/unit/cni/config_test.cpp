#include "cni/config.hpp"

#include <gmock/gmock.h>

#include "tests/unit/cni/protocol.hpp"

namespace weft::cni {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

namespace {

Outcome<Config> read(const Json& more) {
    auto document = base_config();
    document.update(more);
    return read_config(document);
}

}  // namespace

TEST(Config, defaults) {
    const auto config = read_config({{"cniVersion", "0.4.0"}, {"name", "net"}, {"type", "weft-cni"}});
    ASSERT_TRUE(config);
    EXPECT_EQ(config->version, Version::k0_4_0);
    EXPECT_EQ(config->network, "net");
    EXPECT_EQ(config->run_dir, "/run/weft");
    EXPECT_EQ(config->socket(), "/run/weft/weftd.sock");
    EXPECT_EQ(config->bpf_dir, "");
    EXPECT_FALSE(config->labels);
    EXPECT_FALSE(config->mtu);
    EXPECT_FALSE(config->bandwidth);
}

TEST(Config, standard_keys_pass) {
    const auto config = read(
        {{"cniVersions", {"1.0.0", "1.1.0"}},
         {"ipam", Json::object()},
         {"ipMasq", true},
         {"capabilities", {{"ips", true}, {"portMappings", true}}},
         {"disableCheck", true},
         {"disableGC", true},
         {"loadOnlyInlinedPlugins", false},
         {"cni.dev/attachments", Json::array()},
         {"cni.dev/whatever", 1},
         {"dns", {{"nameservers", {"10.96.0.10"}}}},
         {"runtimeConfig", {{"portMappings", Json::array()}, {"io.kubernetes.cri.pod-annotations", {{"a", "b"}}}}}});
    ASSERT_TRUE(config) << config.error().message << config.error().details;
    EXPECT_EQ(config->dns["nameservers"][0], "10.96.0.10");
}

TEST(Config, unknown_keys_are_refused_by_name_and_value) {
    const auto typo = read({{"labls", {{"a", "b"}}}});
    ASSERT_FALSE(typo);
    EXPECT_EQ(typo.error().code, Code::kUnsupportedField);
    EXPECT_THAT(typo.error().message, HasSubstr("labls"));
    EXPECT_THAT(typo.error().message, HasSubstr(R"({"a":"b"})"));
    EXPECT_THAT(typo.error().details, HasSubstr("'labels'"));
    const auto strange = read({{"isGateway", true}});
    ASSERT_FALSE(strange);
    EXPECT_EQ(strange.error().code, Code::kUnsupportedField);
}

TEST(Config, wrong_values_say_where) {
    const std::pair<Json, std::string> cases[] = {
        {{{"name", 5}}, "$.name"},
        {{{"name", ""}}, "$.name"},
        {{{"name", "a/b"}}, "$.name"},
        {{{"run_dir", "relative"}}, "$.run_dir"},
        {{{"run_dir", "/" + std::string(120, 'x')}}, "$.run_dir"},
        {{{"bpf_dir", false}}, "$.bpf_dir"},
        {{{"mtu", "1500"}}, "$.mtu"},
        {{{"mtu", 67}}, "$.mtu"},
        {{{"mtu", 70000}}, "$.mtu"},
        {{{"attach", "xdp"}}, "$.attach"},
        {{{"labels", {{"a", 1}}}}, "$.labels.a"},
        {{{"labels", {{"a", std::string(64, 'x')}}}}, "$.labels.a"},
        {{{"labels", Json::array()}}, "$.labels"},
        {{{"args", {{"cni", {{"labels", {{"a", "b"}}}}}}}}, "$.args.cni.labels"},
        {{{"args", {{"cni", {{"labels", {{{"value", "b"}}}}}}}}}, "$.args.cni.labels[0]"},
        {{{"runtimeConfig", {{"ips", "10.0.0.1"}}}}, "$.runtimeConfig.ips"},
        {{{"runtimeConfig", {{"ips", {"10.0.0.1", "x"}}}}}, "$.runtimeConfig.ips[1]"},
        {{{"runtimeConfig", {{"mac", 3}}}}, "$.runtimeConfig.mac"},
        {{{"runtimeConfig", 3}}, "$.runtimeConfig"},
        {{{"dns", 3}}, "$.dns"},
        {{{"prevResult", "x"}}, "$.prevResult"},
        {{{"args", "x"}}, "$.args"},
    };
    for (const auto& [more, path] : cases) {
        const auto config = read(more);
        ASSERT_FALSE(config) << more;
        EXPECT_EQ(config.error().code, Code::kInvalidConfig) << more;
        EXPECT_THAT(config.error().details, HasSubstr(path)) << more;
    }
}

TEST(Config, labels_of_both_kinds_and_wishes) {
    const auto config = read({{"labels", {{"a", "1"}, {"b", "1"}}},
                              {"args",
                               {{"cni",
                                 {{"labels", {{{"key", "b"}, {"value", "2"}}, {{"key", "c"}}}},
                                  {"ips", {"10.0.0.8"}},
                                  {"mac", "02:00:00:00:00:02"}}}}},
                              {"runtimeConfig", {{"ips", {"10.0.0.9/24", "fd00::9"}}, {"bandwidth", Json::object()}}}});
    ASSERT_TRUE(config) << config.error().details;
    EXPECT_THAT(*config->labels, ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "")));
    EXPECT_THAT(config->ips, ElementsAre("10.0.0.9", "fd00::9")) << "the runtime's come before those of args.cni";
    EXPECT_EQ(config->mac, "02:00:00:00:00:02");
    EXPECT_TRUE(config->bandwidth);
}

}  // namespace weft::cni
