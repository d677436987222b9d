// TLS, bearer token and client certificates on real connections; the certificates are made by openssl(1) for each run.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/fd.hpp"
#include "hubble-lite/http.hpp"

namespace weft::hubble::test {
namespace {

// A shell command's exit code and what it printed.
std::pair<int, std::string> shell(const std::string& command) {
    FILE* pipe = popen(("{ " + command + "; } 2>&1").c_str(), "r");
    std::string out;
    char piece[4096];
    while (pipe != nullptr && fgets(piece, sizeof piece, pipe) != nullptr) out += piece;
    const int status = pipe == nullptr ? -1 : pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

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

std::string request(const std::string& path, const std::string& headers) {
    return "GET " + path + " HTTP/1.1\r\nHost: flows.example\r\nConnection: close\r\n" + headers + "\r\n";
}

struct Client {
    std::string certificate, key;  // to show; empty: none
    int version = TLS1_3_VERSION;
};

class tls : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        folder = std::filesystem::temp_directory_path() / ("wt-hubble-tls-" + std::to_string(getpid()));
        std::filesystem::create_directories(folder);
        for (const char* authority : {"server", "clients", "strangers"}) make_authority(authority);
        sign("flows", "server", "subjectAltName=DNS:flows.example");
        sign("alice", "clients", "extendedKeyUsage=clientAuth");
        sign("mallory", "strangers", "extendedKeyUsage=clientAuth");
    }
    static void TearDownTestSuite() { std::filesystem::remove_all(folder); }

    static std::string file(const std::string& name) { return (folder / name).string(); }

    static void make_authority(const std::string& name) {
        const auto [code, out] =
            shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + name +
                  " -keyout " + file(name + ".key") + " -out " + file(name + ".pem"));
        ASSERT_EQ(code, 0) << out;
    }

    static void sign(const std::string& name, const std::string& authority, const std::string& extension) {
        std::ofstream(file(name + ".ext")) << extension << "\n";
        const auto [code, out] =
            shell("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout " +
                  file(name + ".key") + " | openssl x509 -req -days 2 -CA " + file(authority + ".pem") + " -CAkey " +
                  file(authority + ".key") + " -CAcreateserial -extfile " + file(name + ".ext") + " -out " +
                  file(name + ".pem"));
        ASSERT_EQ(code, 0) << out;
    }

    static HttpOptions options() {
        HttpOptions out;
        out.port = 0;
        out.tls_cert = file("flows.pem");
        out.tls_key = file("flows.key");
        return out;
    }

    void start(const HttpOptions& with) {
        const auto handle = [](const HttpRequest&) { return HttpAnswer{.body = "the flows", .stream = {}}; };
        auto made = HttpServer::bind(with, {{.path = "/v1/flows", .handle = handle}});
        ASSERT_TRUE(made) << made.error().text();
        server = std::move(*made);
        thread = std::thread([this] { server->run(); });
    }

    void TearDown() override {
        if (server) server->stop();
        if (thread.joinable()) thread.join();
    }

    // The answer over TLS to a client that checks the server's certificate; empty if there was no handshake.
    std::string get(const Client& client, const std::string& headers = "") {
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
        SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
        SSL_CTX_set_max_proto_version(context.get(), client.version);
        SSL_CTX_set_security_level(context.get(), 0);  // or this client would refuse old versions itself
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
        EXPECT_EQ(SSL_CTX_load_verify_locations(context.get(), file("server.pem").c_str(), nullptr), 1);
        if (!client.certificate.empty()) {
            EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context.get(), client.certificate.c_str()), 1);
            EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), client.key.c_str(), SSL_FILETYPE_PEM), 1);
        }
        const Fd fd = connect_to(server->port());
        const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
        SSL_set_fd(ssl.get(), fd.get());
        SSL_set1_host(ssl.get(), "flows.example");
        if (SSL_connect(ssl.get()) != 1) return "";
        const std::string text = request("/v1/flows", headers);
        std::string out;
        char piece[4096];
        if (SSL_write(ssl.get(), text.data(), static_cast<int>(text.size())) <= 0) return "";
        for (int got; (got = SSL_read(ssl.get(), piece, sizeof piece)) > 0;)
            out.append(piece, static_cast<std::size_t>(got));
        ERR_clear_error();
        return out;
    }

    static Client showing(const std::string& name) { return {file(name + ".pem"), file(name + ".key")}; }

    static inline std::filesystem::path folder;
    std::unique_ptr<HttpServer> server;
    std::thread thread;
};

bool served(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("the flows");
}

constexpr const char* kToken = "0123456789abcdef";

TEST_F(tls, serves_who_sends_the_token) {
    HttpOptions with = options();
    with.token = kToken;
    start(with);
    EXPECT_TRUE(get({}).starts_with("HTTP/1.1 401 "));
    EXPECT_TRUE(get({}, "Authorization: Bearer 0123456789abcdeX\r\n").starts_with("HTTP/1.1 401 "));
    EXPECT_TRUE(served(get({}, "Authorization: Bearer 0123456789abcdef\r\n")));
}

TEST_F(tls, serves_who_shows_a_certificate_of_the_authority) {
    HttpOptions with = options();
    with.tls_client_ca = file("clients.pem");
    start(with);
    EXPECT_TRUE(served(get(showing("alice"))));
    EXPECT_EQ(get(showing("mallory")), "");
    EXPECT_EQ(get({}), "");
    EXPECT_TRUE(served(get(showing("alice")))) << "after others were refused";
}

TEST_F(tls, certificate_and_token_are_both_asked_for_when_both_are_given) {
    HttpOptions with = options();
    with.tls_client_ca = file("clients.pem");
    with.token = kToken;
    start(with);
    EXPECT_TRUE(get(showing("alice")).starts_with("HTTP/1.1 401 "));
    EXPECT_TRUE(served(get(showing("alice"), "Authorization: Bearer 0123456789abcdef\r\n")));
    EXPECT_EQ(get(showing("mallory"), "Authorization: Bearer 0123456789abcdef\r\n"), "");
}

TEST_F(tls, old_versions_are_refused) {
    HttpOptions with = options();
    with.token = kToken;
    start(with);
    const std::string authorization = "Authorization: Bearer 0123456789abcdef\r\n";
    EXPECT_TRUE(served(get({.certificate = "", .key = "", .version = TLS1_2_VERSION}, authorization)));
    EXPECT_EQ(get({.certificate = "", .key = "", .version = TLS1_1_VERSION}, authorization), "");
}

TEST_F(tls, plain_http_is_not_answered) {
    HttpOptions with = options();
    with.token = kToken;
    start(with);
    const Fd fd = connect_to(server->port());
    const std::string text = request("/v1/flows", "Authorization: Bearer 0123456789abcdef\r\n");
    ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    std::string out;
    char piece[4096];
    for (ssize_t got; (got = recv(fd.get(), piece, sizeof piece, 0)) > 0;)
        out.append(piece, static_cast<std::size_t>(got));
    EXPECT_EQ(out.find("HTTP/"), std::string::npos) << out;
    EXPECT_EQ(out.find("the flows"), std::string::npos) << out;
    EXPECT_TRUE(served(get({}, "Authorization: Bearer 0123456789abcdef\r\n"))) << "others are served after it";
}

TEST_F(tls, files_that_do_not_fit_are_refused_at_the_start) {
    const auto refused = [](auto&& change) {
        HttpOptions with = options();
        change(with);
        return !HttpServer::bind(with, {}).has_value();
    };
    EXPECT_FALSE(refused([](HttpOptions&) {}));
    EXPECT_TRUE(refused([](HttpOptions& o) { o.tls_cert = file("none.pem"); }));
    EXPECT_TRUE(refused([](HttpOptions& o) { o.tls_key = file("alice.key"); }));
    EXPECT_TRUE(refused([](HttpOptions& o) { o.tls_client_ca = file("none.pem"); }));
    EXPECT_TRUE(refused([](HttpOptions& o) { o.tls_client_ca = file("alice.key"); }));
    EXPECT_TRUE(refused([](HttpOptions& o) { o.tls_cert = o.tls_key = "", o.tls_client_ca = file("clients.pem"); }));
}

// The program itself ends with code 1 before it serves anything to others that is not protected.
TEST_F(tls, the_program_refuses_to_serve_others_unprotected) {
    std::ofstream(file("token")) << kToken << "\n";
    const std::string certificate = " --tls-cert " + file("flows.pem") + " --tls-key " + file("flows.key");
    const std::string places = " --run-dir " + file("run") + " --bpf-dir " + file("bpf") + " --listen 0.0.0.0:0";
    for (const std::string& options :
         {std::string(), certificate, " --token-file " + file("token"), " --tls-client-ca " + file("clients.pem")}) {
        const auto [code, out] = shell("timeout 20 " HUBBLE_LITE + places + options);
        EXPECT_EQ(code, 1) << options << ": " << out;
        EXPECT_NE(out.find("--tls-cert"), std::string::npos) << out;
    }
}

}  // namespace
}  // namespace weft::hubble::test
