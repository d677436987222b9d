// Direct-action filters on a device's clsact hooks, put there by one netlink exchange: what a pod's ADD waits for.
#pragma once

#include <cstdint>
#include <span>

#include "common/netlink.hpp"
#include "common/result.hpp"

namespace weft::datapath {

// One fixed place for our filter on a hook: repeating an attachment finds the one before.
inline constexpr std::uint32_t kFilterHandle = 1;
inline constexpr std::uint16_t kFilterPriority = 1;

enum class TcHook { kIngress, kEgress };

struct ClsactFilter {
    TcHook hook;
    int program;  // descriptor
};

// Makes the clsact qdisc of the device if it has none, and puts each filter in its place, or in that of another version
// of it. In the network namespace of the socket. Errors: kNotFound if there is no such device.
Result<void> put_filters(NetlinkSocket& socket, int ifindex, std::span<const ClsactFilter> filters);

}  // namespace weft::datapath
