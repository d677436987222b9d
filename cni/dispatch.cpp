#include "cni/dispatch.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace weft::cni {

namespace {

constexpr Verb kVerbs[] = {
    //         CNI_CONTAINERID  CNI_NETNS        CNI_IFNAME
    {"ADD", {Need::kRequired, Need::kRequired, Need::kRequired}, Version::k0_3_1, cmd_add},
    {"DEL", {Need::kRequired, Need::kOptional, Need::kRequired}, Version::k0_3_1, cmd_del},
    {"CHECK", {Need::kRequired, Need::kRequired, Need::kRequired}, Version::k0_4_0, cmd_check},
    {"GC", {Need::kNone, Need::kNone, Need::kNone}, Version::k1_1_0, cmd_gc},
    {"STATUS", {Need::kNone, Need::kNone, Need::kNone}, Version::k1_1_0, cmd_status},
};

Outcome<std::string> read_all(int input) {
    std::string out;
    char buffer[65536];
    while (out.size() <= kMaxConfigBytes) {
        const auto got = read(input, buffer, sizeof buffer);
        if (got == 0) return out;
        if (got > 0)
            out.append(buffer, static_cast<std::size_t>(got));
        else if (errno != EINTR)
            return refuse(Code::kIo, "cannot read the network configuration from standard input",
                          fail_errno("read").error().text());
    }
    return refuse(Code::kDecode, fmt::format("the network configuration is longer than {} bytes", kMaxConfigBytes));
}

Json version_json(Version version) {
    return {{"cniVersion", text_of(version)}, {"supportedVersions", kVersionTexts}};
}

Outcome<const Verb*> find_verb(const std::string& name) {
    if (name.empty())
        return refuse(Code::kInvalidEnvironment, "CNI_COMMAND is not set",
                      "weft-cni is run by a container runtime, not by hand");
    const auto* verb = std::ranges::find(kVerbs, name, &Verb::name);
    if (verb == std::end(kVerbs))
        return refuse(Code::kInvalidEnvironment, fmt::format("CNI_COMMAND '{}' is not known", name.substr(0, 40)),
                      "known: ADD, DEL, CHECK, GC, STATUS, VERSION");
    return verb;
}

// VERSION is answered whatever the input: a runtime asks it before it knows which version to speak.
Answer run_version(const std::string& input, Version& version) {
    if (input.empty()) return version_json(version);
    WEFT_TRY(document, decode(input));
    if (const auto asked = config_version(document)) version = *asked;
    return version_json(version);
}

// `version` becomes the one of the configuration as soon as that is known, for the error object.
Answer run_verb(const World& world, Version& version) {
    const auto name = world.environment("CNI_COMMAND").value_or("");
    if (name == "VERSION") {
        WEFT_TRY(input, read_all(world.input));
        return run_version(input, version);
    }
    WEFT_TRY(verb, find_verb(name));
    WEFT_TRY(call, read_call(world.environment, verb->needs));
    WEFT_TRY(input, read_all(world.input));
    WEFT_TRY(document, decode(input));
    WEFT_TRY(asked, config_version(document));
    version = asked;
    if (asked < verb->since)
        return refuse(Code::kIncompatibleVersion, fmt::format("{} is not part of CNI {}", name, text_of(asked)),
                      fmt::format("it came with {}", text_of(verb->since)));
    WEFT_TRY(config, read_config(document));
    return verb->run({std::move(call), std::move(config)});
}

bool write_line(std::FILE* output, const Json& value) {
    const auto line = to_line(value) + "\n";
    return std::fwrite(line.data(), 1, line.size(), output) == line.size() && std::fflush(output) == 0;
}

}  // namespace

std::span<const Verb> verbs() {
    return kVerbs;
}

int run(const World& world) {
    Version version = kNewest;
    const auto answer = run_verb(world, version);
    if (answer) return !*answer || write_line(world.output, **answer) ? 0 : 1;
    const auto& error = answer.error();
    Json object = {
        {"cniVersion", text_of(version)}, {"code", static_cast<unsigned>(error.code)}, {"msg", error.message}};
    if (!error.details.empty()) object["details"] = error.details;
    write_line(world.output, object);
    return 1;
}

}  // namespace weft::cni
