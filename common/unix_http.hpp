// A minimal HTTP/1.1 client over a unix socket: one request, one connection, one answer with Content-Length or until
// the server closes. No chunked answers, no keep-alive, no threads: it costs its caller no start-up time.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace weft {

struct UnixHttpOptions {
    std::chrono::milliseconds timeout{30'000};  // for the whole exchange
    std::size_t answer_bytes = 4U << 20;        // a longer answer (head and body) is refused
};

struct UnixHttpAnswer {
    int status = 0;
    std::string body;
};

// One exchange in two steps, so that its caller can do something else while the server works. The time limit is for
// both.
class UnixHttpExchange {
  public:
    // Connects and sends. `target` is sent as it is: the caller escapes it. A body is sent as application/json.
    // Errors: kUnavailable if nobody listens (nothing was sent); kSystem if the connection breaks or time runs out
    // after it was made (the request may have been carried out).
    static Result<UnixHttpExchange> begin(const std::string& socket_path, std::string_view method,
                                          std::string_view target, std::string_view body = {},
                                          const UnixHttpOptions& options = {});

    // Waits for it; once. Any status is an answer. Errors: kSystem as above; kInvalid for an answer that is not HTTP/1,
    // chunked or too long.
    Result<UnixHttpAnswer> answer();

  private:
    UnixHttpExchange(const std::string& path, const UnixHttpOptions& options);
    Result<void> connect();
    Result<void> send(std::string_view bytes);
    Result<void> wait(short events);
    Result<bool> receive();
    std::unexpected<Error> broken(std::string_view doing, int error) const;

    std::string path_;
    UnixHttpOptions options_;
    std::chrono::steady_clock::time_point deadline_;
    Fd socket_;
    bool connected_ = false;
    std::string received_;
};

// Both steps in one.
Result<UnixHttpAnswer> unix_http(const std::string& socket_path, std::string_view method, std::string_view target,
                                 std::string_view body = {}, const UnixHttpOptions& options = {});

// One segment of a path: everything but letters, digits and -._~ as %XX.
std::string escape_segment(std::string_view text);

}  // namespace weft
