#include "tests/unit/cni/protocol.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace weft::cni {

using testing::HasSubstr;

class Protocol : public testing::Test {
  protected:
    // DEL without weftd leaves its file there.
    void TearDown() override { std::filesystem::remove_all(kNowhere); }
};

TEST_F(Protocol, every_verb_needs_its_variables) {
    for (const auto& verb : verbs()) {
        const std::pair<const char*, Need> table[] = {{"CNI_CONTAINERID", verb.needs.container_id},
                                                      {"CNI_NETNS", verb.needs.netns},
                                                      {"CNI_IFNAME", verb.needs.ifname}};
        for (const auto& [name, need] : table) {
            auto variables = all_variables(std::string(verb.name));
            variables.erase(name);
            const auto missing = say(variables, base_config().dump());
            const bool complained = missing.code() == 4 && missing.msg().find(name) != std::string::npos &&
                                    missing.msg().find("missing") != std::string::npos;
            EXPECT_EQ(complained, need == Need::kRequired) << verb.name << " without " << name << ": " << missing.text;
            variables[name] = "";
            EXPECT_EQ(say(variables, base_config().dump()).text, missing.text) << "empty is as missing";
        }
    }
}

TEST_F(Protocol, names_all_missing_variables_at_once) {
    const auto out = say({{"CNI_COMMAND", "ADD"}}, base_config().dump());
    EXPECT_EQ(out.code(), 4U);
    EXPECT_THAT(out.msg(), HasSubstr("CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME"));
}

TEST_F(Protocol, commands) {
    EXPECT_EQ(say({}, "").code(), 4U);
    const auto unknown = say({{"CNI_COMMAND", "add"}}, "{}");
    EXPECT_EQ(unknown.code(), 4U);
    EXPECT_THAT(unknown.msg(), HasSubstr("'add'"));
    EXPECT_EQ(unknown.status, 1);
}

TEST_F(Protocol, version_answers_whatever_the_input) {
    const auto supported = Json::parse(R"(["0.3.1","0.4.0","1.0.0","1.1.0"])");
    const std::pair<std::string, std::string> cases[] = {
        {"", "1.1.0"}, {R"({"cniVersion":"0.4.0"})", "0.4.0"}, {R"({"cniVersion":"9.9.9"})", "1.1.0"}, {"{}", "1.1.0"}};
    for (const auto& [input, version] : cases) {
        const auto out = say({{"CNI_COMMAND", "VERSION"}}, input);
        EXPECT_EQ(out.status, 0) << input;
        EXPECT_EQ(out.output["cniVersion"], version);
        EXPECT_EQ(out.output["supportedVersions"], supported);
    }
    EXPECT_EQ(say({{"CNI_COMMAND", "VERSION"}}, "{").code(), 6U);
}

TEST_F(Protocol, verbs_are_refused_below_their_version) {
    for (const auto& verb : verbs())
        for (std::size_t i = 0; i < kVersionTexts.size(); ++i) {
            auto config = base_config();
            config["cniVersion"] = kVersionTexts[i];
            const auto out = say(all_variables(std::string(verb.name)), config.dump());
            const bool too_early = static_cast<Version>(i) < verb.since;
            EXPECT_EQ(out.code() == 1, too_early) << verb.name << " in " << kVersionTexts[i] << ": " << out.text;
            EXPECT_TRUE(out.status == 0 || out.output["cniVersion"] == kVersionTexts[i]) << out.text;
        }
}

TEST_F(Protocol, unknown_versions) {
    for (const char* version : {"", "0.1.0", "0.2.0", "0.3.0", "1.2.0", "2.0.0", "1.0", "one"}) {
        auto config = base_config();
        config["cniVersion"] = version;
        const auto out = say(all_variables("ADD"), config.dump());
        EXPECT_EQ(out.code(), 1U) << version;
        EXPECT_THAT(out.details(), HasSubstr("0.3.1, 0.4.0, 1.0.0, 1.1.0"));
        EXPECT_EQ(out.output["cniVersion"], "1.1.0");
    }
    auto config = base_config();
    config.erase("cniVersion");
    EXPECT_EQ(say(all_variables("ADD"), config.dump()).code(), 1U);
    config["cniVersion"] = 1;
    EXPECT_EQ(say(all_variables("ADD"), config.dump()).code(), 7U);
}

TEST_F(Protocol, input_that_is_no_configuration) {
    EXPECT_EQ(say(all_variables("ADD"), "").code(), 6U);
    EXPECT_EQ(say(all_variables("ADD"), "[]").code(), 6U);
    EXPECT_EQ(say(all_variables("ADD"), R"({"cniVersion":"1.1.0",)").code(), 6U);
    EXPECT_EQ(say(all_variables("ADD"), R"({"name":"a","name":"b"})").code(), 6U);
    const auto deep = say(all_variables("ADD"), std::string(100'000, '['));
    EXPECT_EQ(deep.code(), 6U);
    EXPECT_THAT(deep.details(), HasSubstr("nested"));
    auto config = base_config();
    config["name"] = std::string((1U << 20) + 1, 'x');
    const auto big = say(all_variables("ADD"), config.dump());
    EXPECT_EQ(big.code(), 6U);
    EXPECT_THAT(big.msg(), HasSubstr("1048576"));
}

TEST_F(Protocol, unreadable_input) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* output = open_memstream(&text, &size);
    auto variables = all_variables("ADD");
    variables["CNI_ARGS"] = "";
    const int status =
        run({[&](std::string_view name) { return std::optional(variables.at(std::string(name))); }, -1, output});
    std::fclose(output);
    EXPECT_EQ(status, 1);
    EXPECT_EQ(Json::parse(std::string(text, size))["code"], 5);
    std::free(text);
}

TEST_F(Protocol, container_ids_and_interface_names) {
    const auto code = [](const char* variable, const std::string& value) {
        auto variables = all_variables("DEL");
        variables[variable] = value;
        const auto out = say(variables, "{");
        return out.code();  // 6: the variables passed, the input did not
    };
    for (const char* good : {"c", "0", "a_b.c-d", "81f787b788d8cc112e4960206ce9b6572c8229c8d90e5b3a5384f62970fbf08a"})
        EXPECT_EQ(code("CNI_CONTAINERID", good), 6U) << good;
    for (const auto& bad : {std::string("../x"), std::string("-a"), std::string(".a"), std::string("a b"),
                            std::string("a/b"), std::string("\xc3\xa4"), std::string(257, 'a')})
        EXPECT_EQ(code("CNI_CONTAINERID", bad), 4U) << bad;
    for (const char* good : {"eth0", "a", "fifteen-bytes-x", "eth0.5"}) EXPECT_EQ(code("CNI_IFNAME", good), 6U) << good;
    for (const char* bad : {".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen-bytes-xx", "\x7f", "\xc3\xa4"})
        EXPECT_EQ(code("CNI_IFNAME", bad), 4U) << bad;
    EXPECT_EQ(code("CNI_NETNS", "relative/path"), 4U);
    EXPECT_EQ(code("CNI_NETNS", "/" + std::string(5000, 'a')), 4U);
}

TEST_F(Protocol, arguments) {
    const auto code = [](const std::string& args) {
        auto variables = all_variables("DEL");
        variables["CNI_ARGS"] = args;
        return say(variables, "{").code();
    };
    for (const char* good : {"", ";", "IP=10.0.0.1", "IgnoreUnknown=1;FOO=BAR", "FOO=BAR;IgnoreUnknown=true",
                             "K8S_POD_NAME=a;K8S_POD_NAMESPACE=b;", "K8S_POD_NAME=", "IgnoreUnknown=0"})
        EXPECT_EQ(code(good), 6U) << good;
    for (const char* bad : {"FOO=BAR", "FOO", "=x", "IgnoreUnknown=yes", "IgnoreUnknown=0;FOO=BAR"})
        EXPECT_EQ(code(bad), 4U) << bad;
    EXPECT_EQ(code(std::string(70'000, 'a')), 4U);
    const auto parsed = parse_args("K8S_POD_NAME=web=1;IP=10.0.0.9;MAC=02:00:00:00:00:01;K8S_POD_UID=u");
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->pod_name, "web=1");
    EXPECT_EQ(parsed->ip, "10.0.0.9");
    EXPECT_EQ(parsed->mac, "02:00:00:00:00:01");
    EXPECT_EQ(parsed->pod_uid, "u");
}

TEST_F(Protocol, add_with_wishes_that_cannot_be_met) {
    const auto add = [](const Json& more, const std::string& args = "") {
        auto config = base_config();
        config.update(more.is_object() ? more : Json::object());
        auto variables = all_variables("ADD");
        variables["CNI_ARGS"] = args;
        return say(variables, config.dump()).code();
    };
    EXPECT_EQ(add({{"prevResult", {{"cniVersion", "1.1.0"}}}}), 7U) << "not first in the chain";
    EXPECT_EQ(add({{"runtimeConfig", {{"mac", "nonsense"}}}}), 7U);
    EXPECT_EQ(add({{"runtimeConfig", {{"mac", "01:00:00:00:00:01"}}}}), 7U) << "multicast";
    EXPECT_EQ(add({}, "MAC=00:00:00:00:00:00"), 7U);
    EXPECT_EQ(add({{"runtimeConfig", {{"ips", {"10.0.0.300"}}}}}), 7U);
    EXPECT_EQ(add({}, "IP=nonsense"), 4U);
    EXPECT_EQ(add({}), 4U) << "the namespace does not exist";
}

TEST_F(Protocol, status_without_weftd) {
    const auto out = say({{"CNI_COMMAND", "STATUS"}}, base_config().dump());
    EXPECT_EQ(out.status, 1);
    EXPECT_EQ(out.code(), 50U);
    EXPECT_THAT(out.msg(), HasSubstr(kNowhere));
}

TEST_F(Protocol, garbage_collection_needs_a_list_and_weftd) {
    EXPECT_EQ(say({{"CNI_COMMAND", "GC"}}, base_config().dump()).code(), 7U);
    auto config = base_config();
    config["cni.dev/valid-attachments"] = Json::array();
    EXPECT_EQ(say({{"CNI_COMMAND", "GC"}}, config.dump()).code(), 11U);
    config["cni.dev/valid-attachments"] = {{{"containerID", "a"}}};
    const auto out = say({{"CNI_COMMAND", "GC"}}, config.dump());
    EXPECT_EQ(out.code(), 7U);
    EXPECT_THAT(out.details(), HasSubstr("cni.dev/valid-attachments\"][0]"));
}

TEST_F(Protocol, check_needs_a_fitting_previous_result) {
    const auto none = say(all_variables("CHECK"), base_config().dump());
    EXPECT_EQ(none.code(), 7U);
    EXPECT_THAT(none.msg(), HasSubstr("prevResult"));
    auto config = base_config();
    config["prevResult"] = {{"interfaces", {{{"name", "eth0"}, {"sandbox", "/x"}}}}};
    EXPECT_EQ(say(all_variables("CHECK"), config.dump()).code(), 7U) << "no host interface of ours";
    config["prevResult"] = {{"ips", {{{"address", 7}}}}};
    EXPECT_THAT(say(all_variables("CHECK"), config.dump()).details(), HasSubstr("$.prevResult.ips[0].address"));
}

}  // namespace weft::cni
