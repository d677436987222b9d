#include "hubble-lite/http.hpp"

#include <httplib.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <atomic>
#include <charconv>
#include <mutex>
#include <thread>

#include "common/json.hpp"

namespace weft::hubble {

namespace {

std::string_view host_of(std::string_view host_header) {
    if (host_header.starts_with('[')) return host_header.substr(1, host_header.find(']') - 1);
    return host_header.substr(0, host_header.rfind(':'));
}

void answer(httplib::Response& out, HttpAnswer from) {
    out.status = from.status;
    if (!from.stream) {
        out.set_content(from.body, from.content_type);
        return;
    }
    auto stream = std::make_shared<BodyStream>(std::move(from.stream));
    out.set_chunked_content_provider(from.content_type,
                                     [stream, piece = std::string()](std::size_t, httplib::DataSink& sink) mutable {
                                         piece.clear();
                                         const bool more = (*stream)(piece);
                                         if (!sink.is_writable()) return false;
                                         if (!piece.empty() && !sink.write(piece.data(), piece.size())) return false;
                                         if (!more) sink.done();
                                         return true;
                                     });
}

// The error that refuses the request, if any.
std::optional<HttpAnswer> refuse(const httplib::Request& request, const HttpOptions& options, bool open) {
    if (options.token.empty()) {
        if (!options.tls_client_ca.empty()) return std::nullopt;  // who came this far has shown a certificate
        if (is_loopback(host_of(request.get_header_value("Host")))) return std::nullopt;
        auto out = error_answer({ErrorCode::kPermission, "the Host header does not name a loopback address", {}});
        return out;
    }
    if (open || equal_in_constant_time(request.get_header_value("Authorization"), "Bearer " + options.token))
        return std::nullopt;
    auto out = error_answer({ErrorCode::kPermission, "a bearer token is needed: Authorization: Bearer TOKEN", {}});
    out.status = 401;
    return out;
}

void set_up(httplib::Server& server, const HttpOptions& options, const std::vector<HttpRoute>& routes) {
    server.new_task_queue = [] { return new httplib::ThreadPool(HttpServer::kThreads); };
    server.set_read_timeout(HttpServer::kReadTimeoutSeconds);
    server.set_write_timeout(HttpServer::kWriteTimeoutSeconds);
    server.set_keep_alive_timeout(2);
    server.set_payload_max_length(64U << 10);
    server.set_tcp_nodelay(true);
    server.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});
    // Before its body, which nobody would read, is waited for.
    server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& out) {
        if (request.method == "GET" || request.method == "HEAD") return httplib::Server::HandlerResponse::Unhandled;
        answer(out, error_answer(
                        {ErrorCode::kInvalid, request.method + " is not served here: everything is read by GET", {}}));
        out.status = 405;
        out.set_header("Allow", "GET, HEAD");
        out.set_header("Connection", "close");
        return httplib::Server::HandlerResponse::Handled;
    });
    for (const auto& route : routes) {
        server.Get(route.path, [route, options](const httplib::Request& request, httplib::Response& out) {
            if (auto refusal = refuse(request, options, route.open)) return answer(out, std::move(*refusal));
            answer(out, route.handle({{request.params.begin(), request.params.end()}}));
        });
    }
    server.set_error_handler([](const httplib::Request& request, httplib::Response& out) {
        if (!out.body.empty()) return;
        const int status = out.status;
        answer(out, error_answer({status == 404 ? ErrorCode::kNotFound : ErrorCode::kInvalid,
                                  fmt::format("{} {}: {}", request.method, request.path, status),
                                  {}}));
        out.status = status;
    });
}

// Dead connections must not hold the port, but two servers must not share it (httplib's default is SO_REUSEPORT).
void socket_options(socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

Result<std::unique_ptr<httplib::Server>> tls_server(const HttpOptions& options) {
    auto tls = std::make_unique<httplib::SSLServer>(options.tls_cert.c_str(), options.tls_key.c_str());
    if (!tls->is_valid())
        return fail(ErrorCode::kInvalid, "cannot use certificate {} with key {}", options.tls_cert, options.tls_key);
    SSL_CTX* context = tls->ssl_context();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    if (options.tls_client_ca.empty()) return tls;
    if (SSL_CTX_load_verify_locations(context, options.tls_client_ca.c_str(), nullptr) != 1)
        return fail(ErrorCode::kInvalid, "cannot read the clients' certificate authority from {}",
                    options.tls_client_ca);
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options.tls_client_ca.c_str()));
    // A session is resumed only where it was checked; without a name of its own OpenSSL refuses to resume any.
    static constexpr unsigned char kSessions[] = "hubble-lite";
    SSL_CTX_set_session_id_context(context, kSessions, sizeof kSessions - 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return tls;
}

}  // namespace

struct HttpServer::Impl {
    enum class State { kNew, kRunning, kDone };
    std::unique_ptr<httplib::Server> server;
    int port = 0;
    std::atomic<State> state = State::kNew;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const {
    return impl_->port;
}

void HttpServer::run() {
    auto expected = Impl::State::kNew;
    if (!impl_->state.compare_exchange_strong(expected, Impl::State::kRunning)) return;
    impl_->server->listen_after_bind();
    impl_->state = Impl::State::kDone;
}

// httplib forgets a stop() that comes before it has begun to listen.
void HttpServer::stop() {
    auto expected = Impl::State::kNew;
    if (impl_->state.compare_exchange_strong(expected, Impl::State::kDone)) return;
    while (impl_->state == Impl::State::kRunning && !impl_->server->is_running())
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (impl_->state == Impl::State::kRunning) impl_->server->stop();
}

Result<std::unique_ptr<HttpServer>> HttpServer::bind(const HttpOptions& options, const std::vector<HttpRoute>& routes) {
    WEFT_CHECK(check_exposure(options));
    auto impl = std::make_unique<Impl>();
    if (options.tls_cert.empty()) {
        impl->server = std::make_unique<httplib::Server>();
    } else {
        WEFT_TRY(tls, tls_server(options));
        impl->server = std::move(tls);
    }
    set_up(*impl->server, options, routes);
    impl->server->set_socket_options(socket_options);
    errno = 0;
    if (options.port == 0) {
        impl->port = impl->server->bind_to_any_port(options.host);
    } else if (impl->server->bind_to_port(options.host, options.port)) {
        impl->port = options.port;
    }
    if (impl->port <= 0)
        return fail_errno(errno != 0 ? errno : EADDRNOTAVAIL,
                          fmt::format("listen on {}:{}", options.host, options.port));
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

struct HttpStream::Impl {
    std::mutex mutex;
    httplib::Client* client = nullptr;  // while get() runs
    std::atomic<bool> cancelled = false;
    void set(httplib::Client* to) {
        const std::scoped_lock lock(mutex);
        client = to;
    }
};

HttpStream::HttpStream() : impl_(std::make_unique<Impl>()) {}
HttpStream::~HttpStream() = default;

void HttpStream::cancel() {
    impl_->cancelled = true;
    const std::scoped_lock lock(impl_->mutex);
    if (impl_->client != nullptr) impl_->client->stop();
}

Result<void> HttpStream::get(const std::string& socket_path, const std::string& target, int silence_seconds,
                             const std::function<void(std::string_view)>& take) {
    httplib::Client client(socket_path);
    client.set_address_family(AF_UNIX);
    client.set_connection_timeout(2);
    client.set_read_timeout(silence_seconds);
    impl_->set(&client);
    int status = 0;
    const auto head = [&](const httplib::Response& response) {
        status = response.status;
        return status == 200 && !impl_->cancelled;
    };
    const auto body = [&](const char* data, std::size_t size) {
        take({data, size});
        return !impl_->cancelled.load();
    };
    const auto result = client.Get(target, {{"Host", "localhost"}}, head, body);
    impl_->set(nullptr);
    if (impl_->cancelled) return {};
    if (status != 0 && status != 200)
        return fail(ErrorCode::kUnavailable, "{} answered {} with status {}", socket_path, target, status);
    if (result) return fail(ErrorCode::kUnavailable, "{} ended the stream", socket_path);
    return fail(ErrorCode::kUnavailable, "{}: {}", socket_path, httplib::to_string(result.error()));
}

Result<std::pair<std::string, int>> parse_listen(std::string_view text) {
    const auto colon = text.rfind(':');
    const auto bad = [&] {
        return fail(ErrorCode::kInvalid, "'{}' is not an address to listen on: expected HOST:PORT", text);
    };
    if (colon == std::string_view::npos) return bad();
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.contains(':'))
        return bad();
    const std::string_view digits = text.substr(colon + 1);
    int port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || port < 0 || port > 65535)
        return bad();
    return std::pair{host.empty() ? std::string("127.0.0.1") : std::string(host), port};
}

bool is_loopback(std::string_view host) {
    if (host == "localhost" || host == "::1") return true;
    in_addr address{};
    return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

Result<void> check_exposure(const HttpOptions& options) {
    if (options.tls_cert.empty() != options.tls_key.empty())
        return fail(ErrorCode::kInvalid, "--tls-cert and --tls-key belong together");
    if (options.tls_cert.empty() && !options.tls_client_ca.empty())
        return fail(ErrorCode::kInvalid, "--tls-client-ca needs --tls-cert and --tls-key");
    if (is_loopback(options.host)) return {};
    if (options.tls_cert.empty() || (options.token.empty() && options.tls_client_ca.empty()))
        return fail(ErrorCode::kInvalid,
                    "{} is not a loopback address: flows are served to others only with --tls-cert, --tls-key and "
                    "--token-file or --tls-client-ca",
                    options.host);
    return {};
}

// Of digests, so that not even the length shows.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
    unsigned char digests[2][SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(a.data()), a.size(), digests[0]);
    SHA256(reinterpret_cast<const unsigned char*>(b.data()), b.size(), digests[1]);
    return CRYPTO_memcmp(digests[0], digests[1], sizeof digests[0]) == 0;
}

HttpAnswer error_answer(const Error& error) {
    HttpAnswer out;
    switch (error.code) {
        case ErrorCode::kInvalid:
            out.status = 400;
            break;
        case ErrorCode::kPermission:
            out.status = 403;
            break;
        case ErrorCode::kNotFound:
            out.status = 404;
            break;
        case ErrorCode::kExists:
            out.status = 409;
            break;
        case ErrorCode::kExhausted:
        case ErrorCode::kUnavailable:
            out.status = 503;
            break;
        case ErrorCode::kSystem:
        case ErrorCode::kInternal:
            out.status = 500;
            break;
    }
    Json body{{"code", to_string(error.code)}, {"message", error.message}};
    if (!error.path.empty()) body["path"] = error.path;
    out.body = to_line({{"error", std::move(body)}}) + "\n";
    return out;
}

}  // namespace weft::hubble
