#include "tests/policy-cases/event_loop.hpp"

#include <sys/epoll.h>

#include <array>

namespace weft::test {

Result<EventLoop> EventLoop::make() {
    Fd epoll(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return fail_errno("epoll_create1");
    return EventLoop(std::move(epoll));
}

Result<void> EventLoop::run_once(std::chrono::milliseconds wait) {
    std::array<epoll_event, 256> ready{};
    const int count =
        epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), static_cast<int>(wait.count()));
    if (count < 0 && errno != EINTR) return fail_errno("epoll_wait");
    for (int i = 0; i < count; ++i) {
        const auto at = handlers_.find(ready[static_cast<std::size_t>(i)].data.fd);
        if (at == handlers_.end()) continue;  // an earlier handler ended it
        const auto handler = at->second;
        (*handler)();
    }
    return {};
}

Result<Watched> Watched::make(EventLoop& loop, Fd fd, std::uint32_t events, std::function<void()> handler) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd.get();
    if (epoll_ctl(loop.epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) return fail_errno("epoll_ctl");
    loop.handlers_[fd.get()] = std::make_shared<std::function<void()>>(std::move(handler));
    return Watched(loop, std::move(fd));
}

Watched::~Watched() {
    if (fd_) loop_->handlers_.erase(fd_.get());  // closing takes it out of epoll
}

}  // namespace weft::test
