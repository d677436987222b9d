// The real hubble-lite on the real ring buffer: events of the loaded programs, loss, kill -9, privileges, a datapath
// that is replaced. Packets go in by BPF_PROG_TEST_RUN; everything happens in a network namespace of this process.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <set>
#include <thread>

#include "common/json.hpp"
#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

constexpr const char* kListen = "127.0.0.1:4245";

// A running hubble-lite.
class Process {
  public:
    explicit Process(const datapath::Pins& pins) {
        pid_ = fork();
        if (pid_ != 0) return;
        const std::string bpf_dir = "--bpf-dir=" + pins.root.string();
        execl(HUBBLE_LITE, "hubble-lite", bpf_dir.c_str(), "--run-dir=/nonexistent", "--listen", kListen,
              "--node-name=n1", nullptr);
        _exit(127);
    }
    ~Process() {
        if (pid_ > 0) end(SIGKILL);
    }
    int end(int signal_number) {
        int status = 0;
        kill(pid_, signal_number);
        waitpid(std::exchange(pid_, -1), &status, 0);
        return status;
    }
    pid_t pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
};

std::string get(const std::string& target) {
    std::string out;
    FILE* pipe = popen(fmt::format("curl -s --max-time 10 'http://{}{}'", kListen, target).c_str(), "re");
    if (pipe == nullptr) return out;
    char piece[4096];
    for (std::size_t got = 0; (got = fread(piece, 1, sizeof piece, pipe)) > 0;) out.append(piece, got);
    pclose(pipe);
    return out;
}

std::vector<Json> flows(const std::string& query) {
    std::vector<Json> out;
    std::string rest = get("/v1/flows?" + query);
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1)) {
        const auto line = parse_json(rest.substr(0, end));
        EXPECT_TRUE(line) << rest.substr(0, end);
        if (line) out.push_back(*line);
    }
    return out;
}

template <typename Condition>
bool within_seconds(int seconds, const Condition& condition) {
    const char* factor = std::getenv("WEFT_TIME_FACTOR");  // how much slower the machine is (tests/kernel/run)
    const auto limit = std::chrono::steady_clock::now() +
                       std::chrono::seconds(seconds) * (factor == nullptr ? 1 : std::strtol(factor, nullptr, 10));
    while (std::chrono::steady_clock::now() < limit) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
}

bool ready() {
    return within_seconds(10, [] { return get("/healthz").find("\"ok\"") != std::string::npos; });
}

class hubble_kernel : public testing::Test {
  protected:
    static World& world() {
        static World shared("hubble", [] {
            auto sizes = World::small();
            sizes.half_open4 = 16384;
            return sizes;
        }());
        return shared;
    }
    void SetUp() override {
        world().reset();
        if (pods_.empty()) pods_ = {world().add_pod(1), world().add_pod(2)};
        world().set_policies(pods_[1], 0, deny_);
        if (deny_ == 0)
            world().set_policies(pods_[1], 0, deny_ = world().add_policy({{0, World::allow_port(kTcp, 80, 5, 6)}}));
    }
    void send(std::uint16_t source_port, std::uint16_t destination_port) {
        world().run(WEFT_PROG_FROM_POD, pods_[0].ifindex,
                    build({.source = pods_[0].v4,
                           .destination = pods_[1].v4,
                           .source_port = source_port,
                           .destination_port = destination_port,
                           .tcp_flags = kSyn}));
    }
    static inline std::vector<World::Pod> pods_;
    static inline std::uint32_t deny_ = 0;
};

TEST_F(hubble_kernel, forwarded_and_dropped_with_the_rule) {
    const Process hubble(world().pins());
    ASSERT_TRUE(ready());
    send(1000, 80);
    send(1000, 81);
    ASSERT_TRUE(within_seconds(5, [] { return flows("source_port=1000").size() == 2; }));
    const auto got = flows("source_port=1000");
    EXPECT_EQ(got[0]["flow"]["verdict"], "FORWARDED");
    EXPECT_EQ(got[0]["weft"]["rule"]["id"], 5);
    EXPECT_EQ(got[1]["flow"]["verdict"], "DROPPED");
    EXPECT_EQ(got[1]["weft"]["rule"]["id"], 6);
    EXPECT_EQ(got[1]["flow"]["source"]["identity"], 1001);
    EXPECT_EQ(got[1]["node_name"], "n1");
    EXPECT_EQ(got[1]["weft"]["reason"], "POLICY_DENIED") << got[1];
}

TEST_F(hubble_kernel, metrics_are_the_kernels_counts) {
    const Process hubble(world().pins());
    ASSERT_TRUE(ready());
    for (int i = 0; i < 50; ++i) send(2000, 90);  // one event, fifty drops
    const std::string line =
        fmt::format("weft_dropped_packets_total{{reason=\"policy_denied\",hook=\"from_pod\"}} {}\n", 50);
    EXPECT_TRUE(within_seconds(5, [&] { return get("/metrics").find(line) != std::string::npos; })) << get("/metrics");
}

TEST_F(hubble_kernel, holds_no_privilege) {
    const Process hubble(world().pins());
    ASSERT_TRUE(ready());
    // Each of its threads.
    for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", hubble.pid()))) {
        std::ifstream status(thread.path() / "status");
        std::set<std::string> lines;
        for (std::string line; std::getline(status, line);) lines.insert(line);
        for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
            EXPECT_TRUE(lines.contains(std::string(set) + ":\t0000000000000000")) << set;
        EXPECT_TRUE(lines.contains("NoNewPrivs:\t1"));
    }
}

TEST_F(hubble_kernel, events_while_it_is_dead_are_read_after_the_restart) {
    {
        Process hubble(world().pins());
        ASSERT_TRUE(ready());
        send(3000, 80);
        ASSERT_TRUE(within_seconds(5, [] { return flows("source_port=3000").size() == 1; }));
        hubble.end(SIGKILL);
    }
    send(3001, 80);
    send(3002, 80);
    const Process hubble(world().pins());
    ASSERT_TRUE(ready());
    ASSERT_TRUE(within_seconds(5, [] { return flows("source_port=3002").size() == 1; }));
    EXPECT_EQ(flows("source_port=3001").size(), 1U);
    EXPECT_EQ(flows("source_port=3000").size(), 0U) << "read before the kill";
}

TEST_F(hubble_kernel, loss_in_the_kernel_is_a_record) {
    const Process hubble(world().pins());
    ASSERT_TRUE(ready());
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // it has read the counters once
    kill(hubble.pid(), SIGSTOP);
    const int events = 12000;  // 8,192 fit
    for (int i = 0; i < events; ++i) send(4000, static_cast<std::uint16_t>(1000 + i));
    kill(hubble.pid(), SIGCONT);
    std::uint64_t lost = 0;
    ASSERT_TRUE(within_seconds(10, [&] {
        for (const auto& line : flows("last=10000&verdict=dropped"))
            if (line.contains("lost_events"))
                lost = std::stoull(line["lost_events"]["num_events_lost"].get<std::string>());
        return lost != 0;
    }));
    EXPECT_EQ(flows("last=100000&source_port=4000&verdict=dropped").size(), events - lost + 1)
        << "and the record itself";
    EXPECT_NE(get("/metrics")
                  .find(fmt::format("hubble_lite_lost_events_total{{source=\"PERF_EVENT_RING_BUFFER\"}} {}\n", lost)),
              std::string::npos);
}

// Last: the shared world's maps are gone after it.
TEST_F(hubble_kernel, zz_another_datapath_is_opened_without_privileges) {
    Process hubble(world().pins());
    ASSERT_TRUE(ready());
    ASSERT_TRUE(datapath::unload(world().pins()));
    EXPECT_TRUE(within_seconds(10, [] { return get("/healthz").find("\"ok\"") == std::string::npos; }));
    ASSERT_TRUE(datapath::ensure_loaded(world().pins(), World::small()));
    EXPECT_TRUE(ready());
    EXPECT_EQ(hubble.end(SIGTERM), 0);
}

}  // namespace
}  // namespace weft::test
