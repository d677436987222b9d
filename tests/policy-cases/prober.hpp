// Probes between pods by real sockets, all of a batch under way at once. A probe has succeeded when its answer is back.
// It is blocked when the datapath says that a policy dropped exactly this packet (a drop event with its addresses,
// ports and protocol); silence alone proves nothing.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "datapath/abi/event.h"
#include "datapath/loader/ring.hpp"
#include "tests/policy-cases/pod_sockets.hpp"

namespace weft::test {

struct ProbeRequest {
    std::string source, destination;  // keys of pods
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    std::size_t address = 0;  // which of the pods' addresses
};

struct ProbeOutcome {
    bool answered = false;
    std::optional<weft_direction> denied;  // by a policy, of this end
    std::string error;                     // what else went wrong
};

class Prober {
  public:
    // Reads the datapath's events: nobody else may.
    static Result<std::unique_ptr<Prober>> open(const datapath::Pins& pins);

    // `netns` must outlive the pod's time here.
    void add_pod(const std::string& key, const Netns& netns, std::vector<IpAddr> addresses);
    void remove_pod(const std::string& key) { pods_.erase(key); }
    // In the order of the requests. Returns as soon as each is answered or denied, else after some seconds without
    // either.
    Result<std::vector<ProbeOutcome>> run(std::span<const ProbeRequest> requests);

  private:
    // Source, destination, source port, destination port, protocol.
    using Tuple = std::tuple<IpAddr, IpAddr, std::uint16_t, std::uint16_t, std::uint8_t>;
    struct Pending {
        ProbeOutcome outcome;
        bool sent = false, resolved = false;
        std::optional<Watched> socket;  // TCP
    };

    Prober(EventLoop loop, datapath::EventRing ring) : loop_(std::move(loop)), ring_(std::move(ring)) {}
    Result<void> start(std::size_t index, const ProbeRequest& request);
    Result<void> start_tcp(std::size_t index, PodSockets& source, const ProbeRequest& request, const IpAddr& to);
    Result<void> start_udp(std::size_t index, PodSockets& source, const ProbeRequest& request, const IpAddr& to);
    Result<void> start_sctp(std::size_t index, PodSockets& source, const ProbeRequest& request, const IpAddr& to);
    struct UdpClient {
        Watched socket;
        std::uint16_t port;
    };
    Result<const UdpClient*> udp_client(PodSockets& source, const ProbeRequest& request);
    std::uint16_t next_port(const IpAddr& source);
    void expect(std::size_t index, const IpAddr& from, std::uint16_t from_port, const IpAddr& to,
                const ProbeRequest& request);
    void tcp_ready(std::size_t index);
    void answered(std::uint32_t token);
    void resolve(std::size_t index);
    void see(std::span<const std::byte> event);
    Result<void> turn(std::chrono::milliseconds wait);
    Result<void> wait_for_all();
    std::uint32_t token(std::size_t index) const { return batch_ << 16 | static_cast<std::uint32_t>(index); }

    EventLoop loop_;
    datapath::EventRing ring_;
    std::map<std::string, std::unique_ptr<PodSockets>> pods_;
    // Of the batch that runs.
    std::uint32_t batch_ = 0;  // 1 to 0x7fff
    std::vector<Pending> pending_;
    std::size_t open_ = 0;  // neither answered nor denied yet
    std::map<Tuple, std::size_t> by_tuple_;
    std::map<std::pair<std::string, std::size_t>, UdpClient> udp_;  // by source and address
    std::map<IpAddr, std::uint16_t> last_port_;

    static constexpr std::uint16_t kFirstPort = 10000, kLastPort = 65535;  // above all that are served
};

}  // namespace weft::test
