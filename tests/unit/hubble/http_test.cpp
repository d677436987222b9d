// The API over real sockets on loopback.
#include "hubble-lite/http.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <thread>

#include "common/fd.hpp"
#include "common/json.hpp"
#include "hubble-lite/api.hpp"
#include "hubble-lite/metadata.hpp"
#include "sample.hpp"

namespace weft::hubble::test {
namespace {

Fd connect_to(int port) {
    Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{10, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    return fd;
}

void send_text(const Fd& fd, const std::string& text) {
    ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

// Reads until `mark` was seen or the connection ends.
std::string read_until(const Fd& fd, const std::string& mark) {
    std::string out;
    char piece[4096];
    while (mark.empty() || out.find(mark) == std::string::npos) {
        const auto got = recv(fd.get(), piece, sizeof piece, 0);
        if (got <= 0) break;
        out.append(piece, static_cast<std::size_t>(got));
    }
    return out;
}

class http : public testing::Test {
  protected:
    void start(HttpOptions options = {}) {
        options.port = 0;
        auto made = HttpServer::bind(options, api.routes());
        ASSERT_TRUE(made) << made.error().text();
        server = std::move(*made);
        thread = std::thread([this] { server->run(); });
    }
    void TearDown() override {
        stop = true;
        ring.close();
        if (server) server->stop();
        if (thread.joinable()) thread.join();
    }
    std::string get(const std::string& target, const std::string& headers = "Host: localhost\r\n") {
        const Fd fd = connect_to(server->port());
        send_text(fd, "GET " + target + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n");
        return read_until(fd, "");
    }
    void push(std::uint16_t port) {
        Record record = named(sample_event({.source_port = port}));
        ring.push({&record, 1});
    }

    Ring ring{64};
    Names names;
    Stats stats;
    std::atomic<bool> stop = false;
    Api api{ring, names, stats, stop, "node-1"};
    std::unique_ptr<HttpServer> server;
    std::thread thread;
};

TEST_F(http, flows_as_lines) {
    start();
    push(1001);
    push(1002);
    const std::string answer = get("/v1/flows?last=1");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
    EXPECT_NE(answer.find("application/x-ndjson"), std::string::npos);
    EXPECT_EQ(answer.find("\"source_port\":1001"), std::string::npos);
    EXPECT_NE(answer.find("\"source_port\":1002"), std::string::npos);
}

TEST_F(http, follow_sends_what_comes) {
    start();
    push(1001);
    const Fd fd = connect_to(server->port());
    send_text(fd,
              "GET /v1/flows?follow=true&last=1&source_port=1001&source_port=1003 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_NE(read_until(fd, "\"source_port\":1001").find("200"), std::string::npos);
    push(1002);
    push(1003);
    const std::string more = read_until(fd, "\"source_port\":1003");
    EXPECT_NE(more.find("\"source_port\":1003"), std::string::npos);
    EXPECT_EQ(more.find("\"source_port\":1002"), std::string::npos);
}

TEST_F(http, a_client_that_goes_gives_its_place_back) {
    start();
    {
        const Fd fd = connect_to(server->port());
        send_text(fd, "GET /v1/flows?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
        read_until(fd, "\r\n\r\n");
        EXPECT_EQ(stats.clients, 1U);
    }
    for (int i = 0; i < 100 && stats.clients != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(stats.clients, 0U);
}

TEST_F(http, one_client_too_many_is_refused) {
    start();
    stats.clients = Api::kMaxClients;
    EXPECT_TRUE(get("/v1/flows").starts_with("HTTP/1.1 503 "));
    EXPECT_EQ(stats.clients, Api::kMaxClients);
    EXPECT_EQ(stats.clients_refused, 1U);
}

TEST_F(http, bad_parameters_are_named) {
    start();
    for (const std::string name : {"last=x", "colour=red", "ip=10.0.0.0%2F99", "since=never", "label=%3D"}) {
        const std::string answer = get("/v1/flows?" + name);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
        const auto body = parse_json(answer.substr(answer.find("\r\n\r\n") + 4));
        ASSERT_TRUE(body) << answer;
        EXPECT_EQ((*body)["error"]["code"], "invalid");
        EXPECT_EQ((*body)["error"]["path"], name.substr(0, name.find('=')));
    }
}

TEST_F(http, a_name_that_is_nearly_right_is_suggested) {
    start();
    EXPECT_NE(get("/v1/flows?destination_prot=80").find("did you mean 'destination_port'?"), std::string::npos);
    EXPECT_NE(get("/v1/flows?folow=1").find("did you mean 'follow'?"), std::string::npos);
}

TEST_F(http, nothing_is_written_here) {
    start();
    for (const std::string method : {"POST", "PUT", "DELETE", "PATCH"}) {
        const Fd fd = connect_to(server->port());
        // A body that is announced and never comes is not waited for.
        send_text(fd, method + " /v1/flows HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n");
        const auto answer = read_until(fd, "");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 ")) << method << answer;
        EXPECT_NE(answer.find("Allow: GET, HEAD\r\n"), std::string::npos) << answer;
    }
}

TEST_F(http, the_other_routes) {
    start();
    push(1);
    EXPECT_TRUE(get("/healthz").starts_with("HTTP/1.1 503 "));
    stats.source_open = true;
    EXPECT_TRUE(get("/healthz").starts_with("HTTP/1.1 200 "));
    EXPECT_NE(get("/v1/status").find("\"num_flows\":\"1\""), std::string::npos);
    EXPECT_NE(get("/metrics").find("hubble_lite_ring_flows 1\n"), std::string::npos);
    EXPECT_NE(get("/").find("<!doctype html>"), std::string::npos);
    EXPECT_NE(get("/nothing").find("\"not-found\""), std::string::npos);
}

TEST_F(http, another_host_name_is_refused_on_loopback) {
    start();
    EXPECT_TRUE(get("/v1/flows", "Host: evil.example:4245\r\n").starts_with("HTTP/1.1 403 "));
    EXPECT_TRUE(get("/v1/flows", "Host: 127.0.0.1:4245\r\n").starts_with("HTTP/1.1 200 "));
    EXPECT_TRUE(get("/v1/flows", "Host: [::1]:4245\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_F(http, a_token_is_asked_for) {
    HttpOptions options;
    options.token = "0123456789abcdef";
    start(options);
    for (const std::string path : {"/v1/flows", "/v1/status", "/metrics"}) {
        EXPECT_TRUE(get(path).starts_with("HTTP/1.1 401 ")) << path;
        EXPECT_TRUE(get(path, "Host: x\r\nAuthorization: Bearer 0123456789abcdeX\r\n").starts_with("HTTP/1.1 401 "))
            << path;
        EXPECT_TRUE(get(path, "Host: x\r\nAuthorization: Bearer 0123456789abcdef\r\n").starts_with("HTTP/1.1 200 "))
            << path;
    }
}

TEST_F(http, a_client_that_does_not_read_loses_flows_and_stops_nobody) {
    start();
    const Fd slow = connect_to(server->port());
    const int small = 4096;
    setsockopt(slow.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    send_text(slow, "GET /v1/flows?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
    read_until(slow, "\r\n\r\n");
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 20000; ++i) push(static_cast<std::uint16_t>(i));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
    EXPECT_NE(get("/v1/flows?last=1").find("\"source_port\":19999"), std::string::npos);
    const std::string rest = read_until(slow, "HUBBLE_RING_BUFFER");
    EXPECT_NE(rest.find("\"lost_events\":{\"source\":\"HUBBLE_RING_BUFFER\""), std::string::npos);
    EXPECT_GT(stats.lost_flow_ring, 0U);
}

TEST(listen, addresses) {
    EXPECT_EQ(*parse_listen("127.0.0.1:4245"), (std::pair<std::string, int>{"127.0.0.1", 4245}));
    EXPECT_EQ(*parse_listen("[::1]:80"), (std::pair<std::string, int>{"::1", 80}));
    EXPECT_EQ(*parse_listen(":1"), (std::pair<std::string, int>{"127.0.0.1", 1}));
    for (const char* bad : {"", "127.0.0.1", "::1:80", "a:b", "a:", "a:65536", "a:-1"})
        EXPECT_FALSE(parse_listen(bad)) << bad;
}

bool may_serve(const std::string& host, const std::string& cert, const std::string& key, const std::string& token) {
    HttpOptions options;
    options.host = host;
    options.tls_cert = cert;
    options.tls_key = key;
    options.token = token;
    return check_exposure(options).has_value();
}

TEST(listen, beyond_loopback_needs_tls_and_a_token) {
    for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "example.org"}) {
        EXPECT_FALSE(may_serve(host, "", "", "")) << host;
        EXPECT_FALSE(may_serve(host, "c", "k", "")) << host;
        EXPECT_FALSE(may_serve(host, "", "", "t")) << host;
        EXPECT_TRUE(may_serve(host, "c", "k", "t")) << host;
    }
    for (const char* host : {"127.0.0.1", "127.8.9.1", "::1", "localhost"})
        EXPECT_TRUE(may_serve(host, "", "", "")) << host;
    EXPECT_FALSE(may_serve("127.0.0.1", "only", "", ""));
}

TEST(token, comparison) {
    EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
    for (const char* other : {"", "ab", "abcd", "abd"}) EXPECT_FALSE(equal_in_constant_time("abc", other));
}

// A weftd that answers one metadata stream at a time with what it is told, then ends it.
class MetadataServer {
  public:
    explicit MetadataServer(std::string path) : path_(std::move(path)) {
        unlink(path_.c_str());
        fd_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        path_.copy(at.sun_path, sizeof at.sun_path - 1);
        EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        EXPECT_EQ(listen(fd_.get(), 4), 0);
    }
    ~MetadataServer() { unlink(path_.c_str()); }
    Fd take() const {
        Fd peer(accept(fd_.get(), nullptr, nullptr));
        read_until(peer, "\r\n\r\n");
        return peer;
    }
    void serve_one(const std::string& body) const {
        const Fd peer = take();
        send_text(peer, fmt::format("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                                    body.size(), body));
    }

  private:
    std::string path_;
    Fd fd_;
};

TEST(metadata, connects_again_and_keeps_the_names) {
    const std::string path = fmt::format("/tmp/wt-hubble-metadata-{}.sock", getpid());
    Names names;
    Stats stats;
    Metadata metadata(path, names, stats);
    std::thread thread([&] { metadata.run(); });  // nobody listens yet
    {
        const MetadataServer server(path);
        server.serve_one(
            "{\"type\":\"endpoint\",\"op\":\"add\",\"id\":1,\"namespace\":\"a\",\"pod\":\"p\",\"identity\":300,\"ips\":"
            "[\"10.0.0.1\"]}\n"
            "{\"type\":\"synced\"}\nnot json\n");
        server.serve_one("{\"type\":\"node\",\"name\":\"again\"}\n");
        for (int i = 0; i < 100 && names.node_name().empty(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    metadata.stop();
    thread.join();
    EXPECT_EQ(names.node_name(), "again");
    EXPECT_EQ(stats.metadata_connects, 2U);
    EXPECT_EQ(stats.metadata_bad_lines, 1U);
    EXPECT_FALSE(stats.metadata_connected);
    EXPECT_EQ(names.peer(*IpAddr::parse("10.0.0.1"), 300)->pod, "p");
}

TEST(metadata, stops_at_once_while_the_stream_is_silent) {
    const std::string path = fmt::format("/tmp/wt-hubble-silent-{}.sock", getpid());
    const MetadataServer server(path);
    Names names;
    Stats stats;
    Metadata metadata(path, names, stats);
    std::thread thread([&] { metadata.run(); });
    const Fd peer = server.take();
    send_text(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto begin = std::chrono::steady_clock::now();
    metadata.stop();
    thread.join();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(http, stopping_before_running_is_no_hang) {
    HttpOptions options;
    options.port = 0;
    auto made = HttpServer::bind(options, api.routes());
    ASSERT_TRUE(made);
    (*made)->stop();
    (*made)->run();
}

}  // namespace
}  // namespace weft::hubble::test
