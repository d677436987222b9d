#include "tests/unit/cli/fake_servers.hpp"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace weft::cli::test {

struct FakeServer::Impl {
    httplib::Server server;
    std::thread thread;
    int port = 0;
};

FakeServer::FakeServer(const std::string& socket_path) : impl_(std::make_unique<Impl>()) {
    const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
        asked.push_back({request.method, request.target, request.body});
        const auto answer = answers.find(request.method + " " + request.path);
        response.status = answer == answers.end() ? 404 : answer->second.status;
        response.set_content(answer == answers.end()
                                 ? R"({"error":{"code":"not-found","message":"no such thing","path":""}})"
                                 : answer->second.body,
                             "application/json");
    };
    impl_->server.Get(".*", handle).Post(".*", handle).Delete(".*", handle);
    if (socket_path.empty()) {
        impl_->port = impl_->server.bind_to_any_port("127.0.0.1");
    } else {
        ::unlink(socket_path.c_str());
        impl_->server.set_address_family(AF_UNIX).bind_to_port(socket_path, 80);
    }
    impl_->thread = std::thread([this] { impl_->server.listen_after_bind(); });
    while (!impl_->server.is_running()) std::this_thread::yield();
}

FakeServer::~FakeServer() {
    impl_->server.stop();
    impl_->thread.join();
}

std::string FakeServer::url() const {
    return "http://127.0.0.1:" + std::to_string(impl_->port);
}

}  // namespace weft::cli::test
