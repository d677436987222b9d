#include <unistd.h>

#include "cni/commands.hpp"
#include "cni/pod.hpp"

namespace weft::cni {

namespace {

// With a run directory of its own and no bpf_dir, only weftd knows where the programs are pinned.
bool pins_are_known(const Config& config) {
    return !config.bpf_dir.empty() || config.run_dir == WEFT_DEFAULT_RUN_DIR;
}

}  // namespace

Answer cmd_status(const Request& request) {
    WEFT_CHECK(ask_health(request.config));
    if (!pins_are_known(request.config)) return std::nullopt;
    const auto pins = pins_of(request.config);
    for (const char* program : {WEFT_PROG_FROM_POD, WEFT_PROG_TO_POD})
        if (access(pins.program(program).c_str(), F_OK) != 0)
            return refuse(Code::kLimitedConnectivity, "weft's programs are not pinned; restart weftd",
                          fmt::format("{} is missing", pins.program(program).string()));
    return std::nullopt;
}

}  // namespace weft::cni
