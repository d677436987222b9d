// The client and the server of the TCP benchmarks. One byte asks, one byte answers.
//
//   net_bench serve PORT              answers until it is ended; a connection whose first byte is 'c' is closed after
//   its answer net_bench rr HOST PORT SECONDS    one connection: prints transactions a second (TCP_RR) net_bench crr
//   HOST PORT SECONDS   connect, ask, answer, close, over and over: prints connections a second
//
// The server closes first, so that TIME_WAIT stays on its side and the client's ports can be used again.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/fd.hpp"
#include "common/ip_addr.hpp"
#include "common/result.hpp"

namespace weft::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr char kKeep = 'k', kClose = 'c';
constexpr int kAnswerTimeoutMs = 2000;

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

Address address_of(const IpAddr& ip, std::uint16_t port) {
    Address out;
    if (ip.is_v4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        in.sin_addr.s_addr = ip.v4();
        std::memcpy(&out.storage, &in, out.length = sizeof(in));
    } else {
        sockaddr_in6 in{};
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(port);
        std::memcpy(&in.sin6_addr, ip.bytes().data(), 16);
        std::memcpy(&out.storage, &in, out.length = sizeof(in));
    }
    return out;
}

void set_option(int fd, int level, int name) {
    const int on = 1;
    setsockopt(fd, level, name, &on, sizeof(on));
}

// Answers what can be read; false when the connection is over.
bool answer(int fd) {
    char byte = 0;
    const auto got = recv(fd, &byte, 1, 0);
    if (got < 0 && errno == EAGAIN) return true;
    return got == 1 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && byte != kClose;
}

void accept_all(int listener, int epoll) {
    for (;;) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (fd < 0) return;
        set_option(fd, IPPROTO_TCP, TCP_NODELAY);
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

Result<void> serve(std::uint16_t port) {
    const Fd listener(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
    set_option(listener.get(), SOL_SOCKET, SO_REUSEADDR);
    const Address any = address_of(IpAddr(), port);
    if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&any.storage), any.length) != 0)
        return fail_errno("bind");
    if (listen(listener.get(), 1024) != 0) return fail_errno("listen");
    const Fd epoll(epoll_create1(0));
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener.get()}};
    epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener.get(), &event);
    for (;;) {
        epoll_event ready[64];
        const int count = epoll_wait(epoll.get(), ready, 64, -1);
        for (int i = 0; i < count; ++i) {
            const int fd = ready[i].data.fd;
            if (fd == listener.get())
                accept_all(fd, epoll.get());
            else if (!answer(fd))
                close(fd);
        }
    }
}

Result<Fd> connected(const Address& peer) {
    Fd fd(socket(peer.storage.ss_family, SOCK_STREAM, 0));
    const timeval timeout{.tv_sec = kAnswerTimeoutMs / 1000, .tv_usec = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&peer.storage), peer.length) != 0)
        return fail_errno("connect");
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
    return fd;
}

Result<void> ask(int fd, char what) {
    char back = 0;
    if (send(fd, &what, 1, MSG_NOSIGNAL) != 1) return fail_errno("send");
    if (recv(fd, &back, 1, 0) != 1) return fail_errno("receive the answer");
    return {};
}

Result<void> connect_ask_close(const Address& peer) {
    WEFT_TRY(fd, connected(peer));
    WEFT_CHECK(ask(fd.get(), kClose));
    char end = 0;
    if (recv(fd.get(), &end, 1, 0) != 0) return fail_errno("wait for the end");
    return {};
}

// Calls `once` for that many seconds; how often a second it succeeded. The first failure ends it.
template <typename Once>
Result<double> rate(double seconds, Once once) {
    const auto begin = Clock::now();
    std::uint64_t count = 0;
    for (;;) {
        WEFT_CHECK(once());
        ++count;
        const std::chrono::duration<double> passed = Clock::now() - begin;
        if (passed.count() >= seconds) return static_cast<double>(count) / passed.count();
    }
}

Result<double> measure(bool keep, const Address& peer, double seconds) {
    if (!keep) return rate(seconds, [&] { return connect_ask_close(peer); });
    WEFT_TRY(fd, connected(peer));
    return rate(seconds, [&] { return ask(fd.get(), kKeep); });
}

Result<void> run(int argc, char** argv) {
    const std::string_view verb = argc > 1 ? argv[1] : "";
    if (verb == "serve" && argc == 3) return serve(static_cast<std::uint16_t>(std::atoi(argv[2])));
    if ((verb != "rr" && verb != "crr") || argc != 5)
        return fail(ErrorCode::kInvalid, "net_bench serve PORT | net_bench rr|crr HOST PORT SECONDS");
    WEFT_TRY(host, IpAddr::parse(argv[2]));
    const auto peer = address_of(host, static_cast<std::uint16_t>(std::atoi(argv[3])));
    WEFT_TRY(result, measure(verb == "rr", peer, std::atof(argv[4])));
    std::printf("%.1f\n", result);
    return {};
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
    if (const auto done = weft::bench::run(argc, argv); !done) {
        std::fprintf(stderr, "net_bench: %s\n", done.error().text().c_str());
        return 1;
    }
}
