#include "cni/commands.hpp"
#include "cni/names.hpp"
#include "cni/pod.hpp"

namespace weft::cni {

// The device goes first: weftd frees the address only when nothing can send from it any more.
Answer cmd_del(const Request& request) {
    const auto name = host_ifname(request.call.container_id, request.call.ifname);
    WEFT_CHECK(
        coded(Code::kNetwork, "cannot remove the pod's interface; try again", remove_host_end(request.config, name)));
    WEFT_CHECK(forget(request.config, request.attachment()));
    return std::nullopt;
}

}  // namespace weft::cni
