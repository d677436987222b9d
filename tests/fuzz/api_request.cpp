// Any request to weftd's API, "METHOD PATH?QUERY" and a body below it, on the daemon's real parts over a fake kernel:
// answered with a status and JSON, and what was refused has changed nothing.
#include <filesystem>

#include "daemon/api/routes.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/unit/daemon_fixture.hpp"

namespace weft::fuzz {
namespace {

// One daemon for all inputs: making one takes a database. It starts over when it has become full.
class Daemon {
  public:
    Daemon() { std::filesystem::create_directories(folder_); }
    ~Daemon() { std::filesystem::remove_all(folder_); }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    api::Reply call(std::string_view method, std::string_view path, api::Call call) {
        return api::dispatch(context_, method, path, std::move(call));
    }
    std::size_t size() const { return kernel_.endpoints.size() + kernel_.image.policies.size(); }
    std::size_t applies() const { return kernel_.applies; }

  private:
    std::filesystem::path folder_ = std::filesystem::temp_directory_path() / fmt::format("wt-fuzz-api-{}", getpid());
    test::FakeKernel kernel_;
    test::Parts parts_{(std::filesystem::remove_all(folder_), std::filesystem::create_directories(folder_), folder_),
                       kernel_};
    api::Context context_{parts_.reconciler,
                          parts_.objects,
                          parts_.feed,
                          parts_.registry,
                          parts_.ipam,
                          nullptr,
                          datapath::Pins{"/sys/fs/bpf/wt-none"},
                          {},
                          [] { return api::FlowCounts{}; },
                          std::chrono::steady_clock::now()};
};

// "a=b&c=d" as the HTTP library hands it over.
void read_query(std::string_view rest, api::Call& call) {
    while (!rest.empty()) {
        const auto one = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
        const auto equals = std::min(one.find('='), one.size());
        call.query.insert_or_assign(std::string(one.substr(0, equals)),
                                    std::string(one.substr(std::min(equals + 1, one.size()))));
    }
}

void check_reply(const api::Reply& reply) {
    require(reply.status >= 200 && reply.status < 600, "a reply has a status");
    if (reply.stream || reply.body.empty()) return;
    const auto body = parse_json(reply.body);
    require(body.has_value(), "a reply is JSON");
    if (reply.status < 400) return;
    require(body->contains("error") && !(*body)["error"].value("message", "").empty(), "an error says what is wrong");
    require(reply.status != 500 || (*body)["error"].value("code", "") != "internal", "no input breaks an invariant");
}

void serve(Bytes input) {
    static auto daemon = std::make_unique<Daemon>();
    if (daemon->size() > 50) {
        daemon.reset();
        daemon = std::make_unique<Daemon>();
    }
    const auto text = text_of(input);
    const auto head = text.substr(0, text.find('\n'));
    const auto blank = std::min(head.find(' '), head.size());
    const auto target = head.substr(std::min(blank + 1, head.size()));
    const auto question = std::min(target.find('?'), target.size());
    api::Call call;
    call.body = text.substr(std::min(head.size() + 1, text.size()));
    read_query(target.substr(std::min(question + 1, target.size())), call);
    const auto before = daemon->applies();
    const auto reply = daemon->call(head.substr(0, blank), target.substr(0, question), std::move(call));
    check_reply(reply);
    if (reply.status >= 400) require(daemon->applies() == before, "what is refused changes nothing");
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(api_request, weft::fuzz::serve)
