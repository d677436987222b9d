#include "tests/netns/cni/fake_daemon.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "cni/names.hpp"

namespace weft::test {

namespace {

std::string key_of(const Json& body) {
    return body.at("container_id").get<std::string>() + "/" + body.at("ifname").get<std::string>();
}

Json error_body(const std::string& code, const std::string& message) {
    return {{"error", {{"code", code}, {"message", message}, {"path", "$"}}}};
}

}  // namespace

FakeDaemon::FakeDaemon(std::string run_dir, std::string bpf_dir)
    : socket_path_(std::move(run_dir) + "/weftd.sock"), bpf_dir_(std::move(bpf_dir)) {
    unlink(socket_path_.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path_.c_str(), sizeof address.sun_path - 1);
    listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    stop_.reset(eventfd(0, EFD_CLOEXEC));
    if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_.get(), 128) != 0)
        std::abort();
    thread_ = std::thread([this] { serve(); });
}

FakeDaemon::~FakeDaemon() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
    unlink(socket_path_.c_str());
}

void FakeDaemon::behave(Behaviour behaviour) {
    const std::lock_guard lock(mutex_);
    behaviour_ = std::move(behaviour);
}

std::map<std::string, Json> FakeDaemon::endpoints() const {
    const std::lock_guard lock(mutex_);
    return endpoints_;
}

std::vector<std::string> FakeDaemon::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

Json FakeDaemon::last_body() const {
    const std::lock_guard lock(mutex_);
    return last_body_;
}

void FakeDaemon::serve() {
    for (;;) {
        pollfd both[2] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
        if (poll(both, 2, -1) < 0) continue;
        if (both[1].revents != 0) return;
        const Fd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (connection) talk(connection.get());
    }
}

void FakeDaemon::talk(int connection) {
    std::string received;
    char buffer[65536];
    std::size_t head_end = std::string::npos;
    std::size_t length = 0;
    while (head_end == std::string::npos || received.size() < head_end + 4 + length) {
        const auto got = recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0) return;
        received.append(buffer, static_cast<std::size_t>(got));
        head_end = received.find("\r\n\r\n");
        if (const auto at = received.find("Content-Length: "); at != std::string::npos)
            length = std::stoul(received.substr(at + 16));
    }
    const auto space = received.find(' ');
    const auto method = received.substr(0, space);
    const auto target = received.substr(space + 1, received.find(' ', space + 1) - space - 1);
    const std::lock_guard lock(mutex_);
    requests_.push_back(method + " " + target);
    const auto reply = answer(method, target, received.substr(head_end + 4));
    if (behaviour_.hang_up && method == "POST") return;
    const auto body = reply.status == 204 ? std::string() : reply.body.dump();
    auto text = fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                            reply.status, body.size(), body);
    if (!behaviour_.garbage.empty() && method == "POST") text = behaviour_.garbage;
    send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

FakeDaemon::Reply FakeDaemon::answer(const std::string& method, const std::string& target, const std::string& body) {
    if (behaviour_.refuse_status != 0 && method == "POST")
        return {behaviour_.refuse_status, error_body(behaviour_.refuse_code, "refused by the test")};
    if (target == "/v1/healthz")
        return behaviour_.healthy ? Reply{200, Json::object()} : Reply{500, error_body("system", "map write failed")};
    if (method == "DELETE") {
        endpoints_.erase(target.substr(std::strlen("/v1/endpoints/")));
        return {204, {}};
    }
    last_body_ = Json::parse(body);
    if (target == "/v1/gc") return collect(last_body_);
    if (target.ends_with("/check") && !endpoints_.contains(key_of(last_body_)))
        return {404, error_body("not-found", "no such endpoint")};
    if (target.ends_with("/check")) return {200, {{"differences", behaviour_.differences}}};
    return add(last_body_);
}

FakeDaemon::Reply FakeDaemon::add(const Json& body) {
    const auto key = key_of(body);
    if (endpoints_.contains(key)) return {409, error_body("exists", "endpoint " + key)};
    endpoints_[key] = body;
    const unsigned number = next_++;
    Json ips = Json::array();
    ips.push_back({{"address", body.contains("ips") ? body.at("ips")[0].get<std::string>() + "/32"
                                                    : fmt::format("10.244.0.{}/32", number)},
                   {"gateway", "10.244.0.1"}});
    if (behaviour_.dual_stack)
        ips.push_back({{"address", fmt::format("fd00:10:244::{:x}/128", number)}, {"gateway", "fd00:10:244::1"}});
    return {201,
            {{"id", number},
             {"ips", ips},
             {"mtu", behaviour_.mtu},
             {"gateway_mac", behaviour_.gateway_mac},
             {"bpf_dir", bpf_dir_}}};
}

FakeDaemon::Reply FakeDaemon::collect(const Json& body) {
    Json removed = Json::array();
    std::map<std::string, Json> kept;
    for (const auto& attachment : body.at("attachments")) {
        const auto found = endpoints_.find(key_of(attachment));
        if (found != endpoints_.end()) kept.insert(*found);
    }
    for (const auto& [key, endpoint] : endpoints_)
        if (!kept.contains(key))
            removed.push_back({{"container_id", endpoint.at("container_id")},
                               {"ifname", endpoint.at("ifname")},
                               {"host_ifname", endpoint.at("host_ifname")}});
    endpoints_ = std::move(kept);
    return {200, {{"removed", removed}}};
}

}  // namespace weft::test
