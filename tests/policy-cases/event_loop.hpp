// Sockets that wait for something, over epoll. Single-threaded; everything that waits must not outlive the loop.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace weft::test {

class EventLoop {
  public:
    static Result<EventLoop> make();
    // Calls the handlers of what is ready; waits for it no longer than this.
    Result<void> run_once(std::chrono::milliseconds wait);

  private:
    friend class Watched;
    explicit EventLoop(Fd epoll) : epoll_(std::move(epoll)) {}
    Fd epoll_;
    std::map<int, std::shared_ptr<std::function<void()>>> handlers_;
};

// A socket whose handler is called as long as this lives. A handler may end its own Watched.
class Watched {
  public:
    // `events`: EPOLLIN and so on.
    static Result<Watched> make(EventLoop& loop, Fd fd, std::uint32_t events, std::function<void()> handler);
    Watched(Watched&&) noexcept = default;
    Watched& operator=(Watched&&) = delete;
    ~Watched();
    int fd() const { return fd_.get(); }

  private:
    Watched(EventLoop& loop, Fd fd) : loop_(&loop), fd_(std::move(fd)) {}
    EventLoop* loop_;
    Fd fd_;
};

}  // namespace weft::test
