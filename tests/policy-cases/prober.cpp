#include "tests/policy-cases/prober.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "datapath/abi/event.h"

namespace weft::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(3);    // without any answer or denial: longer than TCP's second SYN
constexpr auto kPause = std::chrono::milliseconds(1);  // the event ring wakes nobody
constexpr std::size_t kAtOnce = 64;                    // probes between two looks at what came back
constexpr std::size_t kMaxProbes = 0xffff;             // a token has 16 bits for the number

IpAddr ip_of(const weft_ip& ip) {
    return IpAddr::from_bytes(ip.b);
}

// WEFT_TIME_FACTOR: how much slower the machine is (tests/kernel/run).
Clock::duration patience() {
    const char* factor = std::getenv("WEFT_TIME_FACTOR");
    return kPatience * (factor == nullptr ? 1 : std::max(1L, std::strtol(factor, nullptr, 10)));
}

}  // namespace

Result<std::unique_ptr<Prober>> Prober::open(const datapath::Pins& pins) {
    WEFT_TRY(loop, EventLoop::make());
    WEFT_TRY(ring, datapath::EventRing::open(pins));
    return std::unique_ptr<Prober>(new Prober(std::move(loop), std::move(ring)));
}

void Prober::add_pod(const std::string& key, const Netns& netns, std::vector<IpAddr> addresses) {
    pods_[key] =
        std::make_unique<PodSockets>(loop_, netns, std::move(addresses), [this](std::uint32_t tag) { answered(tag); });
}

Result<std::vector<ProbeOutcome>> Prober::run(std::span<const ProbeRequest> requests) {
    if (requests.size() > kMaxProbes) return fail(ErrorCode::kInvalid, "{} probes in one batch", requests.size());
    batch_ = batch_ % 0x7fff + 1;
    pending_.clear();
    pending_.resize(requests.size());
    by_tuple_.clear();
    open_ = requests.size();
    for (const auto& request : requests)
        WEFT_CHECK(pods_.at(request.destination)->serve(request.protocol, request.port, request.address));
    for (std::size_t i = 0; i < requests.size(); ++i) {
        WEFT_CHECK(start(i, requests[i]));
        if (i % kAtOnce == kAtOnce - 1) WEFT_CHECK(turn(std::chrono::milliseconds(0)));
    }
    WEFT_CHECK(wait_for_all());
    std::vector<ProbeOutcome> out;
    for (auto& pending : pending_) out.push_back(std::move(pending.outcome));
    pending_.clear();
    udp_.clear();
    for (auto& [key, pod] : pods_) pod->end_connections();
    return out;
}

Result<void> Prober::wait_for_all() {
    auto last = Clock::now();
    const auto limit = patience();
    for (auto before = open_; open_ > 0 && Clock::now() - last < limit; before = open_) {
        WEFT_CHECK(turn(kPause));
        if (open_ < before) last = Clock::now();
    }
    return turn(std::chrono::milliseconds(0));  // a denial of what was answered would be told by now
}

Result<void> Prober::turn(std::chrono::milliseconds wait) {
    WEFT_CHECK(loop_.run_once(wait));
    if (auto read = ring_.consume([this](std::span<const std::byte> event) { see(event); }); !read)
        return wrap(read.error(), "read the datapath's events");
    return {};
}

Result<void> Prober::start(std::size_t index, const ProbeRequest& request) {
    auto& source = *pods_.at(request.source);
    const auto& to = pods_.at(request.destination)->addresses().at(request.address);
    if (request.protocol == IPPROTO_TCP) return start_tcp(index, source, request, to);
    if (request.protocol == IPPROTO_UDP) return start_udp(index, source, request, to);
    if (request.protocol == IPPROTO_SCTP) return start_sctp(index, source, request, to);
    return fail(ErrorCode::kInvalid, "protocol {} cannot be probed", request.protocol);
}

void Prober::expect(std::size_t index, const IpAddr& from, std::uint16_t from_port, const IpAddr& to,
                    const ProbeRequest& request) {
    by_tuple_[{from, to, from_port, request.port, request.protocol}] = index;
}

// Each address goes round its ports, over pods and steps: no connection has the tuple of one that ended a moment ago.
std::uint16_t Prober::next_port(const IpAddr& source) {
    auto& last = last_port_.try_emplace(source, kLastPort).first->second;
    last = last == kLastPort ? kFirstPort : static_cast<std::uint16_t>(last + 1);
    return last;
}

Result<void> Prober::start_tcp(std::size_t index, PodSockets& source, const ProbeRequest& request, const IpAddr& to) {
    const auto& from = source.addresses().at(request.address);
    const auto port = next_port(from);
    WEFT_TRY(fd, source.client(SOCK_STREAM, request.address, port));
    const linger reset{1, 0};  // no connection waits for its end
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    SocketAddress server(to, request.port);
    if (connect(fd.get(), server.raw(), server.size) != 0 && errno != EINPROGRESS) {
        pending_[index].outcome.error = std::strerror(errno);
        resolve(index);
        return {};
    }
    expect(index, from, port, to, request);
    WEFT_TRY(watched,
             Watched::make(loop_, std::move(fd), EPOLLIN | EPOLLOUT | EPOLLET, [this, index] { tcp_ready(index); }));
    pending_[index].socket.emplace(std::move(watched));
    return {};
}

// Connected, refused, or the echo is there.
void Prober::tcp_ready(std::size_t index) {
    auto& pending = pending_[index];
    const int fd = pending.socket->fd();
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        pending.outcome.error = std::strerror(error);
        return resolve(index);
    }
    std::uint32_t word = token(index);
    if (!pending.sent) pending.sent = send(fd, &word, sizeof(word), MSG_NOSIGNAL) == sizeof(word);
    if (recv(fd, &word, sizeof(word), 0) == sizeof(word)) answered(word);
}

// One socket for all probes from an address: its echoes carry the probe's token.
Result<const Prober::UdpClient*> Prober::udp_client(PodSockets& source, const ProbeRequest& request) {
    const std::pair name{request.source, request.address};
    if (const auto at = udp_.find(name); at != udp_.end()) return &at->second;
    const auto port = next_port(source.addresses().at(request.address));
    WEFT_TRY(fd, source.client(SOCK_DGRAM, request.address, port));
    const int number = fd.get();
    WEFT_TRY(watched, Watched::make(loop_, std::move(fd), EPOLLIN, [this, number] {
                 std::uint32_t word = 0;
                 if (recv(number, &word, sizeof(word), 0) == sizeof(word)) answered(word);
             }));
    return &udp_.emplace(name, UdpClient{std::move(watched), port}).first->second;
}

Result<void> Prober::start_udp(std::size_t index, PodSockets& source, const ProbeRequest& request, const IpAddr& to) {
    WEFT_TRY(client, udp_client(source, request));
    expect(index, source.addresses().at(request.address), client->port, to, request);
    SocketAddress server(to, request.port);
    const std::uint32_t word = token(index);
    if (sendto(client->socket.fd(), &word, sizeof(word), 0, server.raw(), server.size) < 0) {
        pending_[index].outcome.error = std::strerror(errno);
        resolve(index);
    }
    return {};
}

Result<void> Prober::start_sctp(std::size_t index, PodSockets& source, const ProbeRequest& request, const IpAddr& to) {
    const auto& from = source.addresses().at(request.address);
    const auto port = next_port(from);
    expect(index, from, port, to, request);
    return source.send_sctp({port, request.port, 0, kSctpInit, token(index)}, request.address, to);
}

void Prober::answered(std::uint32_t word) {
    const std::size_t index = word & 0xffff;
    if (word >> 16 != batch_ || index >= pending_.size()) return;  // of an earlier batch
    pending_[index].outcome.answered = true;
    resolve(index);
}

void Prober::resolve(std::size_t index) {
    if (std::exchange(pending_[index].resolved, true)) return;
    --open_;
    pending_[index].socket.reset();
}

void Prober::see(std::span<const std::byte> bytes) {
    weft_event event{};
    if (bytes.size() != sizeof(event)) return;
    std::memcpy(&event, bytes.data(), sizeof(event));
    if (event.header.type != WEFT_EVENT_DROP || event.header.version != WEFT_EVENT_VERSION) return;
    const auto at = by_tuple_.find({ip_of(event.source), ip_of(event.destination), ntohs(event.source_port),
                                    ntohs(event.destination_port), event.protocol});
    if (at == by_tuple_.end()) return;
    auto& outcome = pending_[at->second].outcome;
    if (event.reason != WEFT_DROP_POLICY_DENIED && event.reason != WEFT_DROP_POLICY_DENY) {
        outcome.error = fmt::format("dropped for reason {}", event.reason);
        return;
    }
    outcome.denied = static_cast<weft_direction>(event.direction);
    resolve(at->second);
}

}  // namespace weft::test
