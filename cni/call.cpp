#include "cni/call.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace weft::cni {

namespace {

constexpr std::size_t kLongestContainerId = 256;  // room for any runtime's; the specification names no limit
constexpr std::size_t kLongestIfname = 15;        // IFNAMSIZ - 1
constexpr std::size_t kLongestPath = 4095;
constexpr std::size_t kLongestArgs = 65536;

bool alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string shown(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 80)) out += c >= ' ' && c <= '~' ? c : '?';
    return text.size() > 80 ? out + "..." : out;
}

// The specification: starts with a letter or digit, then letters, digits, '_', '.', '-'.
Outcome<void> check_container_id(std::string_view id) {
    const auto allowed = [](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
    if (!alphanumeric(id.front()) || !std::ranges::all_of(id, allowed) || id.size() > kLongestContainerId)
        return refuse(Code::kInvalidEnvironment, fmt::format("CNI_CONTAINERID '{}' is not a container id", shown(id)),
                      fmt::format("it must start with a letter or digit, consist of letters, digits and _.- and be at "
                                  "most {} bytes long",
                                  kLongestContainerId));
    return {};
}

// The kernel's own rules (dev_valid_name) and the specification's.
Outcome<void> check_ifname(std::string_view name) {
    const bool bad_byte = std::ranges::any_of(name, [](char c) { return c <= ' ' || c > '~' || c == '/' || c == ':'; });
    if (name.size() > kLongestIfname || name == "." || name == ".." || bad_byte)
        return refuse(Code::kInvalidEnvironment, fmt::format("CNI_IFNAME '{}' is not an interface name", shown(name)),
                      "it must be 1 to 15 bytes of printable ASCII without blanks, '/' and ':', and not '.' or '..'");
    return {};
}

Outcome<void> check_netns(std::string_view path) {
    if (path.empty()) return {};
    if (path.front() != '/' || path.size() > kLongestPath)
        return refuse(Code::kInvalidEnvironment, fmt::format("CNI_NETNS '{}' is not an absolute path", shown(path)));
    return {};
}

Outcome<bool> ignore_unknown(std::string_view value) {
    if (value == "1" || value == "true" || value == "True" || value == "TRUE") return true;
    if (value == "0" || value == "false" || value == "False" || value == "FALSE") return false;
    return refuse(Code::kInvalidEnvironment,
                  fmt::format("CNI_ARGS: IgnoreUnknown is '{}'; it must be 1 or 0", shown(value)));
}

}  // namespace

Outcome<CniArgs> parse_args(std::string_view text) {
    if (text.size() > kLongestArgs)
        return refuse(Code::kInvalidEnvironment, fmt::format("CNI_ARGS is longer than {} bytes", kLongestArgs));
    CniArgs out;
    std::string unused;
    struct Known {
        std::string_view key;
        std::string* value;
    };
    const Known known[] = {{"IP", &out.ip},
                           {"MAC", &out.mac},
                           {"K8S_POD_NAMESPACE", &out.pod_namespace},
                           {"K8S_POD_NAME", &out.pod_name},
                           {"K8S_POD_UID", &out.pod_uid},
                           {"K8S_POD_INFRA_CONTAINER_ID", &unused}};
    bool ignore = false;
    std::vector<std::string> unknown;
    while (!text.empty()) {
        const auto end = std::min(text.find(';'), text.size());
        const auto pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return refuse(Code::kInvalidEnvironment, fmt::format("CNI_ARGS: '{}' is not KEY=VALUE", shown(pair)));
        const auto key = pair.substr(0, equals);
        const auto value = pair.substr(equals + 1);
        const auto* found = std::ranges::find(known, key, &Known::key);
        if (found != std::end(known)) {
            *found->value = value;
        } else if (key == "IgnoreUnknown") {
            WEFT_TRY(yes, ignore_unknown(value));
            ignore = yes;
        } else {
            unknown.push_back(shown(key));
        }
    }
    if (!unknown.empty() && !ignore)
        return refuse(Code::kInvalidEnvironment, fmt::format("CNI_ARGS has unknown keys: {}", fmt::join(unknown, ", ")),
                      "set IgnoreUnknown=1 in CNI_ARGS to have them passed over");
    // podman names the container and no namespace; Kubernetes' own default is meant.
    if (!out.pod_name.empty() && out.pod_namespace.empty()) out.pod_namespace = "default";
    return out;
}

Outcome<Call> read_call(const Environment& environment, const CallNeeds& needs) {
    Call out;
    struct Variable {
        std::string_view name;
        Need need;
        std::string* value;
        Outcome<void> (*check)(std::string_view);
    };
    const Variable variables[] = {
        {"CNI_CONTAINERID", needs.container_id, &out.container_id, check_container_id},
        {"CNI_NETNS", needs.netns, &out.netns, check_netns},
        {"CNI_IFNAME", needs.ifname, &out.ifname, check_ifname},
    };
    std::vector<std::string_view> missing;
    for (const auto& variable : variables) {
        if (variable.need == Need::kNone) continue;
        *variable.value = environment(variable.name).value_or("");
        if (variable.value->empty() && variable.need == Need::kRequired) missing.push_back(variable.name);
    }
    if (!missing.empty())
        return refuse(Code::kInvalidEnvironment,
                      fmt::format("required environment variables are missing: {}", fmt::join(missing, ", ")));
    for (const auto& variable : variables)
        if (!variable.value->empty()) WEFT_CHECK(variable.check(*variable.value));
    if (needs.container_id == Need::kNone) return out;
    WEFT_TRY(args, parse_args(environment("CNI_ARGS").value_or("")));
    out.args = std::move(args);
    return out;
}

}  // namespace weft::cni
