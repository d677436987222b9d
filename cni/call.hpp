// What the runtime says in the environment: the verb and its variables, checked.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cni/error.hpp"

namespace weft::cni {

// Looks a variable up; nothing if it is not set. The pointer-free form of getenv, so that tests bring their own.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

enum class Need { kNone, kOptional, kRequired };

struct CallNeeds {
    Need container_id, netns, ifname;
};

// The keys of CNI_ARGS that weft-cni knows.
struct CniArgs {
    std::string ip, mac;
    std::string pod_namespace, pod_name, pod_uid;
};

struct Call {
    std::string container_id, netns, ifname;
    CniArgs args;
};

// Reads and checks the variables that the verb needs. Errors: code 4, naming every variable that is missing.
Outcome<Call> read_call(const Environment& environment, const CallNeeds& needs);

// "K=V;K=V". An unknown key is refused unless IgnoreUnknown is 1 or true.
Outcome<CniArgs> parse_args(std::string_view text);

}  // namespace weft::cni
