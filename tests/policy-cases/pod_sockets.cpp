#include "tests/policy-cases/pod_sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <array>
#include <cstring>

namespace weft::test {

namespace {

constexpr int kBacklog = 1024;
constexpr std::size_t kProbeBytes = 2048;  // more than any packet of ours
using Buffer = std::array<std::uint8_t, kProbeBytes>;

std::size_t ip_header_bytes(const Buffer& packet, bool v4) {
    return v4 ? (packet[0] & 15U) * 4U : 0;  // raw IPv6 sockets give no header
}

}  // namespace

SocketAddress::SocketAddress(const IpAddr& ip, std::uint16_t port) {
    if (ip.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        v4.sin_addr.s_addr = ip.v4();
        std::memcpy(&storage, &v4, size = sizeof(v4));
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&v6.sin6_addr, ip.bytes().data(), 16);
        std::memcpy(&storage, &v6, size = sizeof(v6));
    }
}

Result<Fd> PodSockets::bound(int type, int protocol, std::size_t address, std::uint16_t port) const {
    const Inside inside(netns_);
    const auto& ip = addresses_.at(address);
    Fd out(socket(ip.is_v4() ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!out) return fail_errno("make a socket");
    SocketAddress own(ip, port);
    if (bind(out.get(), own.raw(), own.size) != 0)
        return fail_errno(fmt::format("bind to {} port {}", ip.text(), port));
    return out;
}

Result<Fd> PodSockets::client(int type, std::size_t address, std::uint16_t port) const {
    return bound(type, 0, address, port);
}

Result<void> PodSockets::watch(Fd fd, std::function<void(int)> handler) {
    const int number = fd.get();
    WEFT_TRY(watched, Watched::make(loop_, std::move(fd), EPOLLIN, [number, handler] { handler(number); }));
    servers_.push_back(std::move(watched));
    return {};
}

Result<void> PodSockets::serve(std::uint8_t protocol, std::uint16_t port, std::size_t address) {
    if (!served_.emplace(protocol, port, address).second) return {};
    if (protocol == IPPROTO_SCTP) {
        sctp_ports_.emplace(address, port);
        return open_sctp(address);
    }
    WEFT_TRY(server, bound(protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM, 0, address, port));
    if (protocol == IPPROTO_TCP) {
        if (listen(server.get(), kBacklog) != 0) return fail_errno("listen");
        return watch(std::move(server), [this](int fd) { accept_all(fd); });
    }
    return watch(std::move(server), [](int fd) {
        Buffer data;
        SocketAddress peer;
        const auto size = recvfrom(fd, data.data(), data.size(), 0, peer.raw(), &peer.size);
        if (size > 0) sendto(fd, data.data(), static_cast<std::size_t>(size), 0, peer.raw(), peer.size);
    });
}

void PodSockets::accept_all(int listener) {
    for (;;) {
        Fd connection(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!connection) return;
        const int number = connection.get();
        auto watched = Watched::make(loop_, std::move(connection), EPOLLIN, [this, number] { echo_stream(number); });
        if (watched) connections_.emplace(number, std::move(*watched));
    }
}

void PodSockets::echo_stream(int fd) {
    Buffer data;
    const auto size = recv(fd, data.data(), data.size(), 0);
    if (size > 0)
        send(fd, data.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL);
    else if (size == 0 || errno != EAGAIN)
        connections_.erase(fd);
}

Result<void> PodSockets::open_sctp(std::size_t address) {
    if (sctp_.contains(address)) return {};
    WEFT_TRY(raw, bound(SOCK_RAW, IPPROTO_SCTP, address, 0));
    sctp_[address] = raw.get();
    return watch(std::move(raw), [this, address](int fd) { sctp_arrived(fd, address); });
}

void PodSockets::sctp_arrived(int fd, std::size_t address) {
    Buffer data;
    SocketAddress peer;
    const auto size = recvfrom(fd, data.data(), data.size(), 0, peer.raw(), &peer.size);
    const auto header = ip_header_bytes(data, addresses_[address].is_v4());
    if (size < 0 || static_cast<std::size_t>(size) < header) return;
    const auto packet = parse_sctp(std::span(data).first(static_cast<std::size_t>(size)).subspan(header));
    if (!packet) return;
    if (packet->chunk == kSctpInitAck) return answered_(packet->tag);
    if (!sctp_ports_.contains({address, packet->destination_port})) return;
    const auto answer =
        to_bytes({packet->destination_port, packet->source_port, packet->initiate_tag, kSctpInitAck, 1});
    sendto(fd, answer.data(), answer.size(), 0, peer.raw(), peer.size);
}

Result<void> PodSockets::send_sctp(const SctpPacket& packet, std::size_t address, const IpAddr& destination) {
    WEFT_CHECK(open_sctp(address));
    SocketAddress to(destination, 0);
    const auto bytes = to_bytes(packet);
    if (sendto(sctp_.at(address), bytes.data(), bytes.size(), 0, to.raw(), to.size) < 0)
        return fail_errno("send an INIT");
    return {};
}

}  // namespace weft::test
