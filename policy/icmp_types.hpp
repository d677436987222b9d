// Types of ICMP and ICMPv6 messages by the names that Cilium's policies use.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "common/json.hpp"
#include "policy/rule.hpp"

namespace weft::policy {

struct IcmpType {
    std::string_view name;
    std::uint8_t number;
};
// Of kIcmp or kIcmpv6.
std::span<const IcmpType> icmp_types(std::uint8_t protocol);

// Of the request that asks for an echo.
constexpr std::uint8_t echo_request(std::uint8_t protocol) {
    return protocol == kIcmpv6 ? 128 : 8;
}

// 8, "8" or "EchoRequest" (of kIcmp or kIcmpv6).
Result<std::uint8_t> parse_icmp_type(const JsonView& view, std::uint8_t protocol);
std::optional<std::uint8_t> icmp_type_of(std::string_view text, std::uint8_t protocol);

// Whether a message of that type may open a connection, so that a policy is asked about it. Errors belong to the
// connection that they are about, and neighbour discovery stays on the link.
bool opens_connections(std::uint8_t protocol, std::uint8_t type);

}  // namespace weft::policy
