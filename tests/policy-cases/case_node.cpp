#include "tests/policy-cases/case_node.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "common/unix_http.hpp"

namespace weft::test {

namespace fs = std::filesystem;

namespace {

constexpr auto kPatience = std::chrono::seconds(60);  // for what must happen; nothing is said of speed

void clean(const CaseNodeOptions& options) {
    Netns::remove_all(options.name + "-");
    std::error_code ignored;
    fs::remove_all("/sys/fs/bpf/" + options.name, ignored);
    fs::remove_all("/tmp/" + options.name, ignored);
}

// Held as long as the node is there: two runs of one name would remove each other's pods.
Result<Fd> lock(const std::string& name) {
    Fd out(open(("/tmp/" + name + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!out) return fail_errno("open the lock of " + name);
    if (flock(out.get(), LOCK_EX | LOCK_NB) != 0)
        return fail(ErrorCode::kExists, "{} is in use by another run: take another --name", name);
    return out;
}

// ADD has answered, but the kernel brings a link's queue up a moment after its carrier, from a work queue of its own;
// what the pod sends before that is lost (a UDP answer for good).
Result<void> wait_until_running(const Netns& netns) {
    const Inside inside(netns);
    const Fd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
        ifreq request{};
        std::strcpy(request.ifr_name, "eth0");
        if (ioctl(any.get(), SIOCGIFFLAGS, &request) != 0) return fail_errno("flags of the pod's eth0");
        if ((request.ifr_flags & IFF_RUNNING) != 0) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return fail(ErrorCode::kUnavailable, "the pod's eth0 does not come up");
}

std::string tail_of(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    auto out = text.str();
    return out.size() <= 2000 ? out : out.substr(out.size() - 2000);
}

}  // namespace

Result<CaseNode> CaseNode::start(const CaseNodeOptions& options) {
    WEFT_TRY(held, lock(options.name));
    clean(options);
    std::error_code failed;
    fs::create_directories("/tmp/" + options.name + "/run", failed);
    if (failed) return fail_errno(failed.value(), "make /tmp/" + options.name);
    WEFT_TRY(netns, Netns::make(options.name + "-node"));
    CaseNode out(options, std::move(held), std::move(netns));
    WEFT_CHECK(out.start_daemon());
    return out;
}

CaseNode::~CaseNode() {
    if (!lock_) return;  // moved from
    if (daemon_ > 0) {
        kill(daemon_, SIGKILL);
        waitpid(daemon_, nullptr, 0);
    }
    pods_.clear();
    clean(options_);
}

Result<void> CaseNode::start_daemon() {
    // One millisecond between drop events of a kind: every denied probe is told, in every step.
    const std::vector<std::string> command = {options_.programs + "/daemon/weftd",
                                              "--run-dir",
                                              state() + "/run",
                                              "--bpf-dir",
                                              pins().root,
                                              "--node-name",
                                              "cases",
                                              "--uplink",
                                              "none",
                                              "--pod-cidr4",
                                              "10.244.0.0/16",
                                              "--pod-cidr6",
                                              "fd00:10:244::/64",
                                              "--drop-interval-ms",
                                              "1",
                                              "--log-level",
                                              "warn"};
    WEFT_TRY(started, start_inside(netns_, command, state() + "/weftd.log"));
    daemon_ = started;
    return wait_until_it_serves();
}

Result<void> CaseNode::wait_until_it_serves() const {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
        if (api("GET", "/v1/healthz", "")) return {};
        int status = 0;
        if (waitpid(daemon_, &status, WNOHANG) == daemon_) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return fail(ErrorCode::kUnavailable, "weftd does not serve: {}", tail_of(state() + "/weftd.log"));
}

Result<Json> CaseNode::cni(const std::string& verb, const std::string& key, const PodEntry& pod,
                           std::span<const IpAddr> addresses) const {
    Json config = {{"cniVersion", "1.0.0"},
                   {"name", "wt-cases"},
                   {"type", "weft-cni"},
                   {"run_dir", state() + "/run"},
                   {"bpf_dir", pins().root}};
    for (const auto& ip : addresses)
        config["runtimeConfig"]["ips"].push_back(fmt::format("{}/{}", ip.text(), ip.bits()));
    const auto slash = key.find('/');
    const std::vector<std::string> environment = {
        "CNI_COMMAND=" + verb,
        "CNI_CONTAINERID=" + pod.container,
        "CNI_IFNAME=eth0",
        "CNI_NETNS=" + pod.netns.path(),
        "CNI_PATH=" + options_.programs + "/cni",
        fmt::format("CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={}", key.substr(0, slash),
                    key.substr(slash + 1))};
    WEFT_TRY(done, run_inside(netns_, options_.programs + "/cni/weft-cni", environment, config.dump()));
    if (done.status != 0)
        return fail(ErrorCode::kInternal, "CNI {} of {}: exit {}, {}", verb, key, done.status, done.output);
    return done.output.empty() ? Json() : parse_json(done.output);
}

Result<void> CaseNode::add_pod(const std::string& key, std::span<const IpAddr> addresses) {
    auto name = fmt::format("{}-{}", options_.name, key);
    std::ranges::replace(name, '/', '-');
    WEFT_TRY(netns, Netns::make(name));
    PodEntry pod{fmt::format("{}-{}", name, ++containers_), std::move(netns)};
    WEFT_TRY(result, cni("ADD", key, pod, addresses));
    for (const auto& wanted : addresses)
        if (std::ranges::none_of(result.value("ips", Json::array()), [&](const Json& ip) {
                return ip.value("address", "") == fmt::format("{}/{}", wanted.text(), wanted.bits());
            }))
            return fail(ErrorCode::kInternal, "CNI ADD of {} did not give {}", key, wanted.text());
    WEFT_CHECK(wait_until_running(pod.netns));
    pods_.emplace(key, std::move(pod));
    return {};
}

Result<void> CaseNode::shell(const Netns& netns, const std::string& line) const {
    WEFT_TRY(done, run_inside(netns, "/bin/sh", {}, line + "\n"));
    if (done.status != 0) return fail(ErrorCode::kSystem, "{}: exit {} {}", line, done.status, done.output);
    return {};
}

Result<void> CaseNode::add_node(const std::string& key, std::span<const IpAddr> addresses) {
    auto name = fmt::format("{}-{}", options_.name, key);
    std::ranges::replace(name, '/', '-');
    WEFT_TRY(netns, Netns::make(name));
    const auto link = fmt::format("node{}", ++nodes_);
    // Traffic between a pod and another node goes through our node's own stack.
    WEFT_CHECK(shell(netns_, "echo 1 | tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"));
    WEFT_CHECK(shell(netns_, fmt::format("ip link add {} type veth peer name eth0 netns {}", link, name)));
    WEFT_CHECK(shell(netns_, fmt::format("ip link set {} up", link)));
    WEFT_CHECK(shell(netns, "ip link set eth0 up"));
    for (const auto& own : addresses) {
        const auto gateway = own.is_v4() ? "172.18.0.1" : "fd00:172:18::1";
        const auto* options = own.is_v4() ? "" : " nodad";
        WEFT_CHECK(shell(netns_, fmt::format("ip addr add {}/{} dev {}{}", gateway, own.bits(), link, options)));
        WEFT_CHECK(shell(netns_, fmt::format("ip route add {}/{} dev {}", own.text(), own.bits(), link)));
        WEFT_CHECK(shell(netns, fmt::format("ip addr add {}/{} dev eth0{}", own.text(), own.bits(), options)));
        WEFT_CHECK(shell(netns, fmt::format("ip route add default via {} dev eth0 onlink", gateway)));
    }
    pods_.emplace(key, PodEntry{"", std::move(netns)});
    return {};
}

Result<void> CaseNode::remove_pod(const std::string& key) {
    const auto at = pods_.find(key);
    if (at == pods_.end()) return fail(ErrorCode::kNotFound, "pod {}", key);
    auto done = at->second.container.empty() ? Result<Json>() : cni("DEL", key, at->second, {});
    if (!done) return std::unexpected(std::move(done).error());
    pods_.erase(at);
    return {};
}

Result<void> CaseNode::api(std::string_view method, const std::string& target, const std::string& body) const {
    WEFT_TRY(answer, unix_http(state() + "/run/weftd.sock", method, target, body));
    if (answer.status >= 300)
        return fail(ErrorCode::kInternal, "weftd answers {} {} with {}: {}", method, target, answer.status,
                    answer.body);
    return {};
}

Result<void> CaseNode::put(const Json& objects) {
    return api("POST", "/v1/policies", objects.dump());
}

Result<void> CaseNode::erase(const policy::PolicyName& name) {
    return api(
        "DELETE",
        fmt::format("/v1/policies/{}/{}/{}", name.kind, name.namespace_.empty() ? "-" : name.namespace_, name.name),
        "");
}

}  // namespace weft::test
