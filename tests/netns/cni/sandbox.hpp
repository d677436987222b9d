// The world of a CNI test: this process in a network namespace of its own ("the host"), containers' namespaces beside
// it, trivial programs pinned as from_pod and to_pod, a run directory. Cleaned before and after.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/json.hpp"
#include "tests/netns/cni/fake_daemon.hpp"

namespace weft::test {

struct Outcome {
    int status = -1;
    Json output;  // null: nothing was written
    unsigned code() const {
        return output.is_object() && output.contains("code") ? output.at("code").get<unsigned>() : 0;
    }
    std::string text() const { return output.dump(1); }
};

struct CniCall {
    std::string command = "ADD";
    std::string container_id = "c1";
    std::string ifname = "eth0";
    std::optional<std::string> netns = {};  // default: the sandbox's first container
    std::string args = {};
    Json config = {};  // merged into the sandbox's own
};

class CniSandbox : public testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    // Through run(), in this process.
    Outcome call(const CniCall& call);
    // Through the built program.
    Outcome spawn(const CniCall& call);
    Json config(const Json& more = Json::object()) const;

    // Makes a container's namespace; gives its path.
    std::string add_container(const std::string& name);
    void remove_container(const std::string& name);
    const std::string& netns() const { return netns_; }
    const std::string& run_dir() const { return run_dir_; }
    const std::string& bpf_dir() const { return bpf_dir_; }
    FakeDaemon& daemon() { return *daemon_; }
    void stop_daemon() { daemon_.reset(); }
    void start_daemon() { daemon_ = std::make_unique<FakeDaemon>(run_dir_, bpf_dir_); }

    // Standard output of a command run in the host's namespace or in a container's.
    static std::string shell(const std::string& command);
    std::string in_container(const std::string& command) const;
    // Fails the test if anything of a pod is left: links, pins, endpoints, queue files, temporary files.
    void expect_nothing_left();

  private:
    std::map<std::string, std::string> environment(const CniCall& call) const;
    void clean();
    void pin_program(const std::string& name);

    std::string id_, run_dir_, bpf_dir_, netns_;
    std::map<std::string, std::string> containers_;
    std::unique_ptr<FakeDaemon> daemon_;
};

}  // namespace weft::test
