// Names that weft-cni and weftd both derive without asking each other.
#pragma once

#include <string>
#include <string_view>

#include "common/result.hpp"

namespace weft::cni {

// "weft" and the first 11 hex digits of SHA-256(container_id + "/" + ifname): 15 bytes, what the kernel allows.
std::string host_ifname(std::string_view container_id, std::string_view ifname);

// A random unicast, locally administered MAC.
Result<std::string> random_mac();
// "aa:bb:cc:dd:ee:ff" in lower case. Error kInvalid unless it is six octets, unicast and not all zero.
Result<std::string> normal_mac(std::string_view text);

}  // namespace weft::cni
