// A loaded node whose maps are written by the real Applier: images go in, single first packets are judged by test-run.
#pragma once

#include <optional>

#include "daemon/maps/applier.hpp"
#include "tests/bpf/world.hpp"

namespace weft::test {

class PolicyNode {
  public:
    static constexpr std::uint32_t kPods = 16;  // endpoints 1..kPods have a device

    explicit PolicyNode(const std::string& name);
    // In force for the next packet. Flows and remembered denials are forgotten.
    Result<void> apply(const policy::Image& image);

    struct Judged {
        int verdict = -1;
        bool told = false;   // there is an event; none is an allowed connection's
        weft_event event{};  // of the packet: NEW or DROP
        bool allowed() const { return !told || event.header.type == WEFT_EVENT_NEW; }
    };
    // A connection's first packet (`port`: of ICMP the type), where it comes by first: `from` and `to` say whether the
    // ends are pods or the node; else the packet comes from the network.
    Result<Judged> send(const policy::Address& from, const policy::Address& to, const IpAddr& source,
                        const IpAddr& destination, std::uint8_t protocol, std::uint16_t port);

  private:
    std::pair<const char*, std::uint32_t> way(const policy::Address& from, const policy::Address& to) const;
    Result<void> forget_flows();

    World world_;
    std::map<std::uint32_t, std::uint32_t> devices_;  // endpoint -> ifindex
    std::uint32_t uplink_ = 0;
    std::optional<maps::Applier> applier_;
    std::uint16_t source_port_ = 0;
};

}  // namespace weft::test
