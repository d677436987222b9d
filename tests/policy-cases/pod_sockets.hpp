// The sockets of one pod: servers that answer (TCP and UDP echo, SCTP's INIT ACK to an INIT) and new client sockets.
// They are made inside the pod's namespace once and used from anywhere.
#pragma once

#include <sys/socket.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/ip_addr.hpp"
#include "tests/policy-cases/event_loop.hpp"
#include "tests/policy-cases/netns.hpp"
#include "tests/policy-cases/sctp.hpp"

namespace weft::test {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    SocketAddress() = default;
    SocketAddress(const IpAddr& ip, std::uint16_t port);
    sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
};

class PodSockets {
  public:
    // An INIT ACK came: the tag that its INIT had.
    using Answered = std::function<void(std::uint32_t tag)>;

    // `loop` and `netns` must outlive this.
    PodSockets(EventLoop& loop, const Netns& netns, std::vector<IpAddr> addresses, Answered answered)
        : loop_(loop), netns_(netns), addresses_(std::move(addresses)), answered_(std::move(answered)) {}
    PodSockets(const PodSockets&) = delete;
    PodSockets& operator=(const PodSockets&) = delete;

    const std::vector<IpAddr>& addresses() const { return addresses_; }
    // Serves the port at one of the pod's addresses from now on, if it does not yet.
    Result<void> serve(std::uint8_t protocol, std::uint16_t port, std::size_t address);
    // A new TCP or UDP socket, bound to the address and port.
    Result<Fd> client(int type, std::size_t address, std::uint16_t port) const;
    Result<void> send_sctp(const SctpPacket& packet, std::size_t address, const IpAddr& destination);
    // Connections that clients left open.
    void end_connections() { connections_.clear(); }

  private:
    Result<Fd> bound(int type, int protocol, std::size_t address, std::uint16_t port) const;
    Result<void> watch(Fd fd, std::function<void(int)> handler);
    Result<void> open_sctp(std::size_t address);
    void accept_all(int listener);
    void echo_stream(int fd);
    void sctp_arrived(int fd, std::size_t address);

    EventLoop& loop_;
    const Netns& netns_;
    std::vector<IpAddr> addresses_;
    Answered answered_;
    std::vector<Watched> servers_;
    std::map<int, Watched> connections_;
    std::map<std::size_t, int> sctp_;                             // address -> raw socket
    std::set<std::pair<std::size_t, std::uint16_t>> sctp_ports_;  // that are served
    std::set<std::tuple<std::uint8_t, std::uint16_t, std::size_t>> served_;
};

}  // namespace weft::test
