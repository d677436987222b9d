#include "cni/commands.hpp"
#include "cni/pod.hpp"

namespace weft::cni {

Answer cmd_gc(const Request& request) {
    if (!request.config.valid_attachments)
        return refuse(Code::kInvalidConfig, "GC needs the key cni.dev/valid-attachments",
                      "without it everything would be removed");
    WEFT_TRY(removed, collect_garbage(request.config, *request.config.valid_attachments));
    std::string failed;
    for (const auto& entry : removed)
        if (auto gone = remove_host_end(request.config, entry.host_ifname); !gone) failed += gone.error().text() + "\n";
    if (!failed.empty()) return refuse(Code::kNetwork, "cannot remove some interfaces; call GC again", failed);
    return std::nullopt;
}

}  // namespace weft::cni
