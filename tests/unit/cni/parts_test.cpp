// Names, the delete queue, and HTTP over a unix socket against hostile servers.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "cni/delete_queue.hpp"
#include "cni/names.hpp"
#include "common/fd.hpp"
#include "common/unix_http.hpp"

namespace weft::cni {

namespace fs = std::filesystem;

TEST(Names, host_ifname_is_the_documented_hash) {
    // printf 'c1/eth0' | sha256sum
    EXPECT_EQ(host_ifname("c1", "eth0"), "weftd72e032fedd");
    EXPECT_EQ(host_ifname("c1", "eth0").size(), 15U);
    EXPECT_NE(host_ifname("c1", "eth0"), host_ifname("c1", "eth1"));
}

TEST(Names, macs) {
    EXPECT_EQ(*normal_mac("0A:bC:00:00:00:01"), "0a:bc:00:00:00:01");
    for (const char* bad : {"", "0a:bc:00:00:00", "0a-bc-00-00-00-01", "0a:bc:00:00:00:0g", "01:00:00:00:00:01",
                            "00:00:00:00:00:00", "0a:bc:00:00:00:01:"})
        EXPECT_FALSE(normal_mac(bad)) << bad;
    std::set<std::string> drawn;
    for (int i = 0; i < 100; ++i) {
        const auto mac = random_mac();
        ASSERT_TRUE(mac);
        EXPECT_EQ(*normal_mac(*mac), *mac);
        EXPECT_EQ(std::stoi(mac->substr(0, 2), nullptr, 16) & 3, 2) << "locally administered, unicast";
        drawn.insert(*mac);
    }
    EXPECT_GT(drawn.size(), 90U);
}

class Queue : public testing::Test {
  protected:
    void SetUp() override {
        config.run_dir = "/tmp/wt-cni-queue-" + std::to_string(getpid());
        config.network = "weft";
        fs::remove_all(config.run_dir);
    }
    void TearDown() override { fs::remove_all(config.run_dir); }
    std::size_t files() const {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : fs::directory_iterator(config.run_dir + "/delete-queue")) ++count;
        return count;
    }
    Config config;
};

TEST_F(Queue, one_file_an_attachment) {
    EXPECT_FALSE(delete_is_queued(config, {"a", "eth0"}));
    ASSERT_TRUE(enqueue_delete(config, {"a", "eth0"}));
    ASSERT_TRUE(enqueue_delete(config, {"a", "eth0"}));
    ASSERT_TRUE(enqueue_delete(config, {"a", "eth1"}));
    EXPECT_EQ(files(), 2U);
    EXPECT_TRUE(delete_is_queued(config, {"a", "eth0"}));
    dequeue_delete(config, {"a", "eth0"});
    EXPECT_FALSE(delete_is_queued(config, {"a", "eth0"}));
    EXPECT_EQ(files(), 1U);
    const auto mode = fs::status(config.run_dir + "/delete-queue").permissions();
    EXPECT_EQ(mode & fs::perms::others_all, fs::perms::none);
}

TEST_F(Queue, bounded_even_when_many_write_at_once) {
    ASSERT_TRUE(enqueue_delete(config, {"first", "eth0"}));
    for (std::size_t i = 0; i < kMostQueued - 5; ++i)
        std::ofstream(config.run_dir + "/delete-queue/x" + std::to_string(i));
    std::atomic<int> accepted = 0;
    std::vector<std::thread> threads;
    threads.reserve(16);
    for (int i = 0; i < 16; ++i)
        threads.emplace_back([&, i] {
            const auto done = enqueue_delete(config, {"t" + std::to_string(i), "eth0"});
            if (done)
                ++accepted;
            else
                EXPECT_EQ(done.error().code, ErrorCode::kExhausted);
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(accepted.load(), 4);
    EXPECT_EQ(files(), kMostQueued);
    EXPECT_TRUE(enqueue_delete(config, {"first", "eth0"})) << "what is queued already needs no place";
}

TEST_F(Queue, unusable_folder) {
    fs::create_directories(config.run_dir);
    std::ofstream(config.run_dir + "/delete-queue") << "a file";
    EXPECT_FALSE(enqueue_delete(config, {"a", "eth0"}));
}

// Accepts one connection, reads a little, answers with fixed bytes, closes.
class OneAnswer {
  public:
    OneAnswer(const std::string& path, std::string text, bool hold = false) : path_(path) {
        unlink(path.c_str());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        listener_.reset(socket(AF_UNIX, SOCK_STREAM, 0));
        if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            listen(listener_.get(), 4) != 0)
            std::abort();
        thread_ = std::thread([this, text = std::move(text), hold] {
            const Fd connection(accept(listener_.get(), nullptr, nullptr));
            char buffer[4096];
            const auto got = recv(connection.get(), buffer, sizeof buffer, 0);
            request_.assign(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
            for (std::size_t at = 0; at < text.size(); at += 7)  // in small pieces
                if (send(connection.get(), text.data() + at, std::min<std::size_t>(7, text.size() - at), MSG_NOSIGNAL) <
                    0)
                    return;
            if (hold) (void)recv(connection.get(), buffer, sizeof buffer, 0);  // until the client gives up
        });
    }
    ~OneAnswer() {
        thread_.join();
        unlink(path_.c_str());
    }
    std::string request() { return request_; }

  private:
    std::string path_, request_;
    Fd listener_;
    std::thread thread_;
};

const std::string kSocket = "/tmp/wt-cni-http.sock";

Result<UnixHttpAnswer> ask(const std::string& answer, bool hold = false) {
    OneAnswer server(kSocket, answer, hold);
    return unix_http(kSocket, "POST", "/v1/x", "{}", {std::chrono::milliseconds(300), 10'000});
}

TEST(UnixHttp, answers) {
    const auto ok = ask("HTTP/1.1 201 Created\r\nX: y\r\ncontent-length:  5 \r\n\r\nhello");
    ASSERT_TRUE(ok) << ok.error().text();
    EXPECT_EQ(ok->status, 201);
    EXPECT_EQ(ok->body, "hello");
    EXPECT_EQ(ask("HTTP/1.1 200 OK\r\n\r\nuntil close")->body, "until close");
    const auto empty = ask("HTTP/1.1 204 No Content\r\n\r\n", true);
    ASSERT_TRUE(empty) << empty.error().text();
    EXPECT_EQ(empty->status, 204);
}

TEST(UnixHttp, hostile_answers) {
    for (const char* bad : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"})
        EXPECT_EQ(ask(bad).error().code, ErrorCode::kSystem) << bad;
    for (const char* bad :
         {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"})
        EXPECT_EQ(ask(bad).error().code, ErrorCode::kInvalid) << bad;
    EXPECT_EQ(ask("HTTP/1.1 200 OK\r\n\r\n" + std::string(20'000, 'x')).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(ask(std::string(20'000, 'x')).error().code, ErrorCode::kInvalid);
}

TEST(UnixHttp, time_runs_out) {
    const auto start = std::chrono::steady_clock::now();
    const auto silent = ask("HTTP/1.1 200 OK\r\n", true);
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().code, ErrorCode::kSystem);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(UnixHttp, nobody_listens) {
    EXPECT_EQ(unix_http("/tmp/wt-cni-nobody.sock", "GET", "/").error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(unix_http("/tmp/" + std::string(200, 'x'), "GET", "/").error().code, ErrorCode::kInvalid);
}

TEST(UnixHttp, the_request_itself) {
    OneAnswer server(kSocket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(unix_http(kSocket, "DELETE", "/v1/endpoints/" + escape_segment("a b/ä") + "/eth0"));
    EXPECT_EQ(server.request(),
              "DELETE /v1/endpoints/a%20b%2F%C3%A4/eth0 HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n\r\n");
}

}  // namespace weft::cni
