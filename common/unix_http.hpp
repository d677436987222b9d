// A minimal HTTP/1.1 client over a unix socket: one request, one connection, one answer with Content-Length or until
// the server closes. No chunked answers, no keep-alive, no threads: it costs its caller no start-up time.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

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

// `target` is sent as it is: the caller escapes it. A body is sent as application/json. Any status is an answer.
// Errors: kUnavailable if nobody listens (nothing was sent); kSystem if the connection breaks or time runs out after it
// was made (the request may have been carried out); kInvalid for an answer that is not HTTP/1, chunked or too long.
Result<UnixHttpAnswer> unix_http(const std::string& socket_path, std::string_view method, std::string_view target,
                                 std::string_view body = {}, const UnixHttpOptions& options = {});

// One segment of a path: everything but letters, digits and -._~ as %XX.
std::string escape_segment(std::string_view text);

}  // namespace weft
