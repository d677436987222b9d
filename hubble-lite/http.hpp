// HTTP for the rest of hubble-lite: the only file that knows cpp-httplib.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.hpp"

namespace weft::hubble {

struct HttpRequest {
    std::vector<std::pair<std::string, std::string>> query;  // decoded
};

// Appends the next piece of a body to `out`; false: that was the last. It may wait up to half a second and append
// nothing.
using BodyStream = std::function<bool(std::string& out)>;

struct HttpAnswer {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    BodyStream stream;  // instead of `body`; called until it ends, the client goes or does not read for kWriteTimeout
};

struct HttpRoute {
    std::string path;
    std::function<HttpAnswer(const HttpRequest&)> handle;  // GET; called by many threads
    bool open = false;                                     // needs no token
};

struct HttpOptions {
    std::string host = "127.0.0.1";
    int port = 4245;                // 0: any free one
    std::string tls_cert, tls_key;  // PEM files; both or none
    std::string tls_client_ca;      // PEM file: only clients with a certificate that it signed are served
    std::string token;              // empty: none is asked for
    // With neither of the two only requests that name a loopback host are served: a web page elsewhere cannot have a
    // browser read flows by pointing its own name at 127.0.0.1.
};

// "127.0.0.1:4245", "[::1]:4245", "localhost:4245", ":4245" (loopback).
Result<std::pair<std::string, int>> parse_listen(std::string_view text);
bool is_loopback(std::string_view host);
// Refuses what would serve flows to others without TLS and a token or client certificates (DESIGN 5).
Result<void> check_exposure(const HttpOptions& options);
bool equal_in_constant_time(std::string_view a, std::string_view b);

class HttpServer {
  public:
    static constexpr int kWriteTimeoutSeconds = 5;
    static constexpr int kReadTimeoutSeconds = 2;
    static constexpr std::size_t kThreads = 96;  // connections served at a time

    // Binds; serves from run() on.
    static Result<std::unique_ptr<HttpServer>> bind(const HttpOptions& options, const std::vector<HttpRoute>& routes);
    ~HttpServer();
    int port() const;
    void run();   // until stop(); once
    void stop();  // from any thread, also before run()

  private:
    struct Impl;
    explicit HttpServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// GET over a unix socket, for an answer that never ends.
class HttpStream {
  public:
    HttpStream();
    ~HttpStream();
    // `take` gets the body piece by piece. Returns when the stream ends or is cancelled. Error kUnavailable when nobody
    // listens, the status is not 200, nothing comes for `silence_seconds`, or the stream ended.
    Result<void> get(const std::string& socket_path, const std::string& target, int silence_seconds,
                     const std::function<void(std::string_view)>& take);
    void cancel();  // from any thread, for good

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// {"error":{"code":...,"message":...,"path":...}} with the status that belongs to the code.
HttpAnswer error_answer(const Error& error);

}  // namespace weft::hubble
