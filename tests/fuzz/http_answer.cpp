// Any bytes that a server on the other end of the socket may send: an answer of HTTP with a status, or an error.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>

#include "common/unix_http.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

constexpr std::size_t kMostBytes = 4096;  // of an answer; it and the request fit into the socket's buffers

// Listens under a name of its own; the kernel holds a connection and what was sent until it is accepted.
class Listener {
  public:
    Listener() : path_("/tmp/wt-fuzz-http-" + std::to_string(getpid())) {
        unlink(path_.c_str());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
        socket_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        require(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "a name");
        require(listen(socket_.get(), 1) == 0, "a listener");
    }
    ~Listener() { unlink(path_.c_str()); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    const std::string& path() const { return path_; }
    void answer(Bytes bytes) {
        const Fd connection(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        require(send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()),
                "the answer is sent whole");
        char request[4096];  // unread bytes would make the close a reset
        require(recv(connection.get(), request, sizeof request, 0) > 0, "there was a request");
    }

  private:
    std::string path_;
    Fd socket_;
};

void read_answer(Bytes input) {
    static Listener listener;
    auto exchange = UnixHttpExchange::begin(listener.path(), "GET", "/v1/x", {},
                                            {.timeout = std::chrono::seconds(5), .answer_bytes = kMostBytes / 2});
    require(exchange.has_value(), "somebody listens");
    listener.answer(input.first(std::min(input.size(), kMostBytes)));
    const auto answer = exchange->answer();
    if (!answer) {
        require(answer.error().code == ErrorCode::kInvalid || answer.error().code == ErrorCode::kSystem,
                "it is no answer, or a broken one");
        return require(!answer.error().message.empty(), "an error says what is wrong");
    }
    require(answer->status >= 100 && answer->status <= 999, "a status has three digits");
    require(answer->body.size() <= kMostBytes / 2, "the limit holds");
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(http_answer, weft::fuzz::read_answer)
