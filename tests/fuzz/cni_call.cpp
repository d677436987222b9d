// Any environment (lines "NAME=VALUE"): a call whose parts are safe to build paths and names from, or error 4.
#include "cni/call.hpp"

#include <map>

#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

std::map<std::string, std::string, std::less<>> variables_of(std::string_view rest) {
    std::map<std::string, std::string, std::less<>> out;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto line = rest.substr(0, end);
        const auto equals = std::min(line.find('='), line.size());
        out.insert_or_assign(std::string(line.substr(0, equals)),
                             std::string(line.substr(std::min(equals + 1, line.size()))));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

void read_environment(Bytes input) {
    const auto variables = variables_of(text_of(input));
    const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
        const auto at = variables.find(name);
        return at == variables.end() ? std::nullopt : std::optional(at->second);
    };
    const auto call = cni::read_call(lookup, {cni::Need::kRequired, cni::Need::kOptional, cni::Need::kRequired});
    if (!call)
        return require(call.error().code == cni::Code::kInvalidEnvironment && !call.error().message.empty(),
                       "a refusal has code 4 and says what is wrong");
    require(!call->container_id.empty() && !call->container_id.contains('/'), "a container id makes no path");
    require(!call->ifname.empty() && call->ifname.size() <= 15 && !call->ifname.contains('/'),
            "the kernel takes the name");
    require(call->netns.empty() || call->netns.starts_with('/'), "a namespace is an absolute path");
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(cni_call, weft::fuzz::read_environment)
