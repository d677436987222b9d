// Times CNI plugins as whole processes, as a runtime calls them. Run it inside the node's network namespace.
//
//   cni_bench turn COUNT NETNS_PREFIX PLUGIN CONFIG PLUGIN CONFIG
//       ADD then DEL of both plugins in turn, COUNT times; prints the medians in microseconds: ADD1 DEL1 ADD2 DEL2.
//       The namespaces are NETNS_PREFIX-1 and NETNS_PREFIX-2.
//   cni_bench storm COUNT NETNS_PREFIX PLUGIN CONFIG HOST PORT
//       ADDs for NETNS_PREFIX-1 ... -COUNT at once, each followed by a TCP connection from the new pod to HOST:PORT
//       (retried until it is accepted); prints the milliseconds until the last was accepted. DELs them all afterwards,
//       untimed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace weft::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Plugin {
    std::string program, config;
};

struct Pod {
    std::string container_id, netns;
};

std::vector<std::string> environment(const char* verb, const Pod& pod) {
    return {std::string("CNI_COMMAND=") + verb,
            "CNI_CONTAINERID=" + pod.container_id,
            "CNI_NETNS=" + pod.netns,
            "CNI_IFNAME=eth0",
            "CNI_PATH=/usr/lib/cni",
            "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=" + pod.container_id,
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
}

Result<void> wait_for(pid_t child, int output, const std::string& what) {
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = read(output, buffer, sizeof(buffer))) > 0;)
        text.append(buffer, static_cast<std::size_t>(got));
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(ErrorCode::kSystem, "{} failed: {}", what, text);
}

// One call of a plugin: spawn, configuration on standard input, output read to its end, exit code.
Result<void> call(const char* verb, const Plugin& plugin, const Pod& pod) {
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0) return fail_errno("pipe");
    const Fd reader(output[0]);
    Fd writer(output[1]);
    const Fd input(open(plugin.config.c_str(), O_RDONLY | O_CLOEXEC));
    auto variables = environment(verb, pod);
    std::vector<char*> envp;
    for (auto& variable : variables) envp.push_back(variable.data());
    envp.push_back(nullptr);
    std::string program = plugin.program;
    char* argv[] = {program.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, writer.get(), 2);
    pid_t child = 0;
    const int error = posix_spawn(&child, program.c_str(), &actions, nullptr, argv, envp.data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return fail_errno(error, "start " + program);
    writer.reset();
    return wait_for(child, reader.get(), program + " " + verb);
}

// The kernel frees what a call left behind (devices, RCU callbacks) for some milliseconds after it: no call begins in
// the work of the one before.
constexpr auto kPause = std::chrono::milliseconds(30);

Result<double> microseconds(const char* verb, const Plugin& plugin, const Pod& pod) {
    std::this_thread::sleep_for(kPause);
    const auto begin = Clock::now();
    WEFT_CHECK(call(verb, plugin, pod));
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

Result<void> turn(int count, const std::string& prefix, const Plugin (&plugins)[2]) {
    std::vector<double> add[2], del[2];
    for (int round = 0; round < count; ++round) {
        for (int which = 0; which < 2; ++which) {
            const Pod pod{fmt::format("bench{}-{}", which, round), fmt::format("/run/netns/{}-{}", prefix, which + 1)};
            WEFT_TRY(added, microseconds("ADD", plugins[which], pod));
            WEFT_TRY(deleted, microseconds("DEL", plugins[which], pod));
            add[which].push_back(added);
            del[which].push_back(deleted);
        }
    }
    std::printf("%.0f %.0f %.0f %.0f\n", median(add[0]), median(del[0]), median(add[1]), median(del[1]));
    return {};
}

// From inside the pod's namespace (of this thread alone), retried for ten seconds.
Result<void> first_packet(const Pod& pod, const sockaddr_in& peer) {
    const Fd netns(open(pod.netns.c_str(), O_RDONLY | O_CLOEXEC));
    if (setns(netns.get(), CLONE_NEWNET) != 0) return fail_errno("enter " + pod.netns);
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    while (Clock::now() < deadline) {
        const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)) == 0) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return fail_errno("connect from " + pod.netns);
}

Result<void> storm(int count, const std::string& prefix, const Plugin& plugin, const sockaddr_in& peer) {
    std::mutex mutex;
    Result<void> outcome;
    const auto for_all = [&](auto&& action) {
        std::vector<std::thread> threads;
        for (int i = 1; i <= count; ++i)
            threads.emplace_back([&, i] {
                const auto done = action(Pod{fmt::format("storm-{}", i), fmt::format("/run/netns/{}-{}", prefix, i)});
                const std::lock_guard lock(mutex);
                if (!done && outcome) outcome = std::unexpected(done.error());
            });
        for (auto& thread : threads) thread.join();
    };
    const auto begin = Clock::now();
    for_all([&](const Pod& pod) -> Result<void> {
        WEFT_CHECK(call("ADD", plugin, pod));
        return first_packet(pod, peer);
    });
    const std::chrono::duration<double, std::milli> passed = Clock::now() - begin;
    for_all([&](const Pod& pod) { return call("DEL", plugin, pod); });
    WEFT_CHECK(outcome);
    std::printf("%.0f\n", passed.count());
    return {};
}

Result<void> run(int argc, char** argv) {
    const std::string_view verb = argc > 1 ? argv[1] : "";
    if (verb == "turn" && argc == 8) {
        const Plugin plugins[2] = {{argv[4], argv[5]}, {argv[6], argv[7]}};
        return turn(std::atoi(argv[2]), argv[3], plugins);
    }
    if (verb == "storm" && argc == 8) {
        sockaddr_in peer{};
        peer.sin_family = AF_INET;
        peer.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[7])));
        if (inet_pton(AF_INET, argv[6], &peer.sin_addr) != 1)
            return fail(ErrorCode::kInvalid, "{}: no IPv4 address", argv[6]);
        return storm(std::atoi(argv[2]), argv[3], {argv[4], argv[5]}, peer);
    }
    return fail(ErrorCode::kInvalid, "cni_bench turn|storm ...: see the comment at its top");
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
    if (const auto done = weft::bench::run(argc, argv); !done) {
        std::fprintf(stderr, "cni_bench: %s\n", done.error().text().c_str());
        return 1;
    }
}
