// Flows as hubble-lite writes them (docs/flow-schema.md), as far as policies can be made from them.
#pragma once

#include <optional>
#include <string>

#include "common/ip_addr.hpp"
#include "common/json.hpp"
#include "policy/selector.hpp"

namespace weft::policy {

struct FlowEnd {
    IpAddr ip;
    std::uint32_t identity = 0;
    std::string namespace_, pod;  // empty: no pod
    Labels labels;                // the pod's own

    bool is_pod() const { return !pod.empty(); }
    friend auto operator<=>(const FlowEnd&, const FlowEnd&) = default;
};

// A connection, from the one that opened it.
struct ObservedFlow {
    FlowEnd source, destination;
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    friend auto operator<=>(const ObservedFlow&, const ObservedFlow&) = default;
};

// Why no policy is made from a line.
enum class LeftOut { kNothing, kLost, kDropped, kReply, kNoPorts };

struct ParsedFlow {
    LeftOut why = LeftOut::kNothing;
    ObservedFlow flow;  // when kNothing
};
Result<ParsedFlow> parse_flow(const JsonView& line);

}  // namespace weft::policy
