// hubble-lite: reads the datapath's events, names them, serves them over HTTP.
#include <CLI/CLI.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

#include "common/log.hpp"
#include "datapath/abi/names.h"
#include "hubble-lite/api.hpp"
#include "hubble-lite/http.hpp"
#include "hubble-lite/kernel_source.hpp"
#include "hubble-lite/metadata.hpp"
#include "hubble-lite/observer.hpp"
#include "hubble-lite/privileges.hpp"

namespace weft::hubble {
namespace {

constexpr std::size_t kMaxToken = 4096;

struct Options {
    std::string run_dir = WEFT_DEFAULT_RUN_DIR, bpf_dir = WEFT_DEFAULT_BPF_DIR, listen = "127.0.0.1:4245";
    std::string tls_cert, tls_key, tls_client_ca, token_file, node_name, log_level = "info";
    std::size_t flows = 65536;
    unsigned poll_ms = 10;
};

std::atomic<bool> stop = false;

void define(CLI::App& app, Options& options) {
    app.set_version_flag("--version", "hubble-lite " WEFT_VERSION);
    app.add_option("--run-dir", options.run_dir, "where weftd's socket is")->capture_default_str();
    app.add_option("--bpf-dir", options.bpf_dir, "where the datapath is pinned")->capture_default_str();
    app.add_option("--listen", options.listen,
                   "HOST:PORT; beyond loopback only with TLS and a token or client certificates")
        ->capture_default_str();
    app.add_option("--tls-cert", options.tls_cert, "PEM file with the certificate and its chain");
    app.add_option("--tls-key", options.tls_key, "PEM file with the key");
    app.add_option("--tls-client-ca", options.tls_client_ca,
                   "PEM file: only clients with a certificate of this authority are served");
    app.add_option("--token-file", options.token_file, "file whose first line is the bearer token that clients send");
    app.add_option("--flows", options.flows, "flows kept in memory (about 210 bytes each)")
        ->capture_default_str()
        ->check(CLI::Range(1, 1 << 24));
    app.add_option("--node-name", options.node_name, "name of this node in flows (default: weftd's, else the host's)");
    app.add_option("--poll-interval-ms", options.poll_ms, "pause when no event waits")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    app.add_option("--log-level", options.log_level, "trace, debug, info, warn or error")->capture_default_str();
}

Result<HttpOptions> http_options(const Options& options) {
    HttpOptions out;
    WEFT_TRY(address, parse_listen(options.listen));
    std::tie(out.host, out.port) = address;
    out.tls_cert = options.tls_cert;
    out.tls_key = options.tls_key;
    out.tls_client_ca = options.tls_client_ca;
    if (options.token_file.empty()) return out;
    std::ifstream file(options.token_file);
    if (!file || !std::getline(file, out.token))
        return fail(ErrorCode::kInvalid, "cannot read a token from {}", options.token_file);
    while (!out.token.empty() && (out.token.back() == '\r' || out.token.back() == ' ')) out.token.pop_back();
    if (out.token.size() < 16 || out.token.size() > kMaxToken)
        return fail(ErrorCode::kInvalid, "{}: a token of 16 to {} characters is needed", options.token_file, kMaxToken);
    return out;
}

Result<void> serve(const Options& options) {
    WEFT_TRY(listen, http_options(options));
    Ring ring(options.flows);
    Names names;
    Stats stats;
    Api api(ring, names, stats, stop, options.node_name);
    WEFT_TRY(server, HttpServer::bind(listen, api.routes()));
    KernelSource source({.root = options.bpf_dir});
    if (auto opened = source.open(); !opened) spdlog::warn("waiting for the datapath: {}", opened.error().text());
    Metadata metadata(options.run_dir + "/" WEFT_SOCKET_NAME, names, stats);
    WEFT_CHECK(drop_privileges());

    std::thread http([&] { server->run(); });
    std::thread name_reader([&] { metadata.run(); });
    spdlog::info("serving {}://{}:{}", listen.tls_cert.empty() ? "http" : "https", listen.host, server->port());
    Observer(source, names, ring, stats).run(stop, std::chrono::milliseconds(options.poll_ms));
    ring.close();
    server->stop();
    metadata.stop();
    http.join();
    name_reader.join();
    return {};
}

}  // namespace
}  // namespace weft::hubble

int main(int argc, char** argv) {
    using namespace weft;
    hubble::Options options;
    CLI::App app("Serves the flows of this node over HTTP, in Hubble's JSON form.", "hubble-lite");
    hubble::define(app, options);
    CLI11_PARSE(app, argc, argv);
    if (const auto logging = log_init("hubble-lite", options.log_level); !logging) {
        std::fprintf(stderr, "hubble-lite: %s\n", logging.error().text().c_str());
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { hubble::stop = true; });
    if (const auto served = hubble::serve(options); !served) {
        spdlog::error("{}", served.error().text());
        return 1;
    }
    return 0;
}
