#include "daemon/api/server.hpp"

#include <fcntl.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>
#include <vector>

#include "common/fd.hpp"
#include "common/log.hpp"
#include "daemon/api/routes.hpp"

namespace weft::api {

namespace {

constexpr std::size_t kThreads = 64 + reconcile::Feed::kMaxSubscribers;  // a stream holds one, a silent client as well
constexpr int kBacklog = 1024;  // all pods of a node added at once; those wait in the kernel's queue
constexpr std::size_t kMaxBody = JsonLimits{}.bytes;

// The thread that accepts a connection serves it: every thread of the server accepts. An ADD waits for one thread to
// wake, on the CPU that weft-cni has left free, and not for two.
class AtOnce : public httplib::TaskQueue {
  public:
    void enqueue(std::function<void()> task) override { task(); }
    void shutdown() override {}
};

bool somebody_answers(const std::filesystem::path& path) {
    const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    return fd && connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

void respond(httplib::Response& response, Reply reply) {
    response.status = reply.status;
    if (!reply.stream) {
        if (!reply.body.empty()) response.set_content(reply.body, "application/json");
        return;
    }
    response.set_chunked_content_provider("application/x-ndjson",
                                          [stream = std::move(reply.stream)](std::size_t, httplib::DataSink& sink) {
                                              std::string piece;
                                              const bool more = stream(piece);
                                              if (!piece.empty() && !sink.write(piece.data(), piece.size()))
                                                  return false;
                                              if (!more) sink.done();
                                              return true;
                                          });
}

// httplib reads 8 KiB of a form, which is what curl -d says that it sends.
std::string too_large(const httplib::Request& request) {
    if (request.get_header_value("Content-Type").starts_with("application/x-www-form-urlencoded"))
        return "the body is too large for a form; send JSON with the header Content-Type: application/json";
    return fmt::format("the body is larger than {} bytes", kMaxBody);
}

}  // namespace

struct Server::Impl {
    Context& context;
    std::filesystem::path path;
    httplib::Server http;
    int listening = -1;  // owned by http

    explicit Impl(Context& all) : context(all) {}

    void handle(const httplib::Request& request, httplib::Response& response) {
        Call call;
        call.body = request.body;
        for (const auto& [name, value] : request.params) call.query.emplace(name, value);
        Reply reply = dispatch(context, request.method, request.path, std::move(call));
        if (reply.status >= 400) spdlog::debug("{} {}: {} {}", request.method, request.path, reply.status, reply.body);
        respond(response, std::move(reply));
    }

    void configure() {
        const httplib::Server::Handler all = [this](const httplib::Request& request, httplib::Response& response) {
            handle(request, response);
        };
        http.Get(".*", all).Post(".*", all).Delete(".*", all).Patch(".*", all).Put(".*", all);
        http.set_address_family(AF_UNIX);
        http.set_payload_max_length(kMaxBody);
        http.set_read_timeout(2);  // what a client that says nothing takes of a thread
        http.set_write_timeout(5);
        http.set_keep_alive_timeout(2);
        http.set_keep_alive_max_count(1000);
        http.new_task_queue = [] { return new AtOnce; };
        http.set_socket_options([this](socket_t socket) {
            listening = socket;
            fcntl(socket, F_SETFD, FD_CLOEXEC);
        });
        http.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
            if (!response.body.empty()) return;
            const bool large = response.status == 413;
            Reply reply =
                error_reply({ErrorCode::kInvalid, large ? too_large(request) : "not a request that can be read", {}});
            response.set_content(reply.body, "application/json");
        });
        http.set_exception_handler(
            [](const httplib::Request& request, httplib::Response& response, std::exception_ptr thrown) {
                std::string what = "unknown";
                try {
                    std::rethrow_exception(std::move(thrown));
                } catch (const std::exception& error) {
                    what = error.what();
                } catch (...) {
                    what = "not a std::exception";
                }
                spdlog::error("{} {}: {}", request.method, request.path, what);
                respond(response, error_reply({ErrorCode::kInternal, what, {}}));
            });
    }
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::bind(const std::filesystem::path& socket, Context& context) {
    if (socket.string().size() >= sizeof(sockaddr_un::sun_path))
        return fail(ErrorCode::kInvalid, "the path {} is too long for a unix socket ({} bytes at most)",
                    socket.string(), sizeof(sockaddr_un::sun_path) - 1);
    if (somebody_answers(socket)) return fail(ErrorCode::kExists, "somebody serves {} already", socket.string());
    std::error_code error;
    std::filesystem::remove(socket, error);
    if (error) return fail(ErrorCode::kSystem, "remove the stale socket {}: {}", socket.string(), error.message());
    auto impl = std::make_unique<Impl>(context);
    impl->path = socket;
    impl->configure();
    const mode_t before = umask(0177);
    const bool bound = impl->http.bind_to_port(socket.string(), 1);  // the port is of no account for a unix socket
    umask(before);
    if (!bound) return fail_errno(fmt::format("bind {}", socket.string()));
    if (listen(impl->listening, kBacklog) != 0)
        return fail_errno(fmt::format("listen on {}", socket.string()));  // httplib's own is 5
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Result<void> Server::serve() {
    // A server that cannot accept has closed its socket under the other threads, which would wait for ever.
    const auto accept_and_serve = [this] {
        if (impl_->http.listen_after_bind()) return;
        spdlog::critical("the server on {} cannot accept: {}", impl_->path.string(), std::strerror(errno));
        spdlog::shutdown();
        std::_Exit(1);
    };
    std::vector<std::jthread> threads;
    try {
        while (threads.size() < kThreads) threads.emplace_back(accept_and_serve);
    } catch (const std::system_error& error) {
        if (threads.empty()) return fail(ErrorCode::kSystem, "no thread for the server: {}", error.what());
        spdlog::warn("the server has {} threads instead of {}: {}", threads.size(), kThreads, error.what());
    }
    return {};  // once all have ended
}

void Server::stop() {
    impl_->context.feed.close();
    impl_->http.stop();
}

}  // namespace weft::api
