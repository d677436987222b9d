#include "tests/netns/cni/sandbox.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "cni/dispatch.hpp"
#include "cni/names.hpp"

namespace weft::test {

namespace fs = std::filesystem;

namespace {

Fd memory_file(const std::string& content) {
    Fd out(memfd_create("stdin", MFD_CLOEXEC));
    if (write(out.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) std::abort();
    lseek(out.get(), 0, SEEK_SET);
    return out;
}

Json parsed(const std::string& text) {
    return text.empty() ? Json() : Json::parse(text, nullptr, false);
}

std::string read_all(int fd) {
    std::string out;
    std::array<char, 65536> buffer{};
    for (ssize_t got = 0; (got = read(fd, buffer.data(), buffer.size())) > 0;)
        out.append(buffer.data(), static_cast<std::size_t>(got));
    return out;
}

}  // namespace

void CniSandbox::SetUp() {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    // A short name that is this test's own: device and namespace names are derived from it.
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    id_ = "wt-" + cni::host_ifname(info->test_suite_name(), info->name()).substr(4);
    run_dir_ = "/tmp/" + id_;
    bpf_dir_ = "/sys/fs/bpf/" + id_;
    clean();
    ASSERT_EQ(unshare(CLONE_NEWNET), 0) << "unshare";
    shell("ip link set lo up");
    fs::create_directories(run_dir_);
    for (const char* part : {"/progs", "/links", "/maps"}) fs::create_directories(bpf_dir_ + part);
    pin_program("from_pod");
    pin_program("to_pod");
    netns_ = add_container("a");
    start_daemon();
}

void CniSandbox::TearDown() {
    daemon_.reset();
    clean();
}

void CniSandbox::clean() {
    std::error_code ignored;  // a machine on which no namespace was ever named has no such folder
    for (const auto& entry : fs::directory_iterator("/run/netns", ignored))
        if (entry.path().filename().string().starts_with(id_ + "-"))
            shell("ip netns del " + entry.path().filename().string());
    fs::remove_all(run_dir_);
    fs::remove_all(bpf_dir_, ignored);
    containers_.clear();
}

void CniSandbox::pin_program(const std::string& name) {
    const std::array<bpf_insn, 2> code = {
        {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}}};
    const Fd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, name.c_str(), "GPL", code.data(), code.size(), nullptr));
    ASSERT_TRUE(program) << "load a trivial program";
    ASSERT_EQ(bpf_obj_pin(program.get(), (bpf_dir_ + "/progs/" + name).c_str()), 0);
}

std::string CniSandbox::add_container(const std::string& name) {
    const auto netns = id_ + "-" + name;
    shell("ip netns add " + netns);
    containers_[name] = "/run/netns/" + netns;
    return containers_[name];
}

void CniSandbox::remove_container(const std::string& name) {
    shell("ip netns del " + id_ + "-" + name);
}

Json CniSandbox::config(const Json& more) const {
    Json out = {
        {"cniVersion", "1.1.0"}, {"name", "weft"}, {"type", "weft-cni"}, {"run_dir", run_dir_}, {"bpf_dir", bpf_dir_}};
    if (more.is_object()) out.update(more);
    return out;
}

std::map<std::string, std::string> CniSandbox::environment(const CniCall& call) const {
    std::map<std::string, std::string> out = {{"CNI_COMMAND", call.command}, {"CNI_CONTAINERID", call.container_id},
                                              {"CNI_IFNAME", call.ifname},   {"CNI_NETNS", call.netns.value_or(netns_)},
                                              {"CNI_ARGS", call.args},       {"CNI_PATH", "/opt/cni/bin"}};
    if (const char* mode = std::getenv("WEFT_TC")) out["WEFT_TC"] = mode;
    return out;
}

Outcome CniSandbox::call(const CniCall& call) {
    const auto variables = environment(call);
    const auto input = memory_file(config(call.config).dump());
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* output = open_memstream(&text, &size);
    Outcome out;
    out.status = cni::run({[&](std::string_view name) -> std::optional<std::string> {
                               const auto found = variables.find(std::string(name));
                               return found == variables.end() ? std::nullopt : std::optional(found->second);
                           },
                           input.get(), output});
    std::fclose(output);
    out.output = parsed({text, size});
    std::free(text);
    return out;
}

Outcome CniSandbox::spawn(const CniCall& call) {
    std::vector<std::string> variables;
    for (const auto& [name, value] : environment(call)) variables.push_back(fmt::format("{}={}", name, value));
    std::vector<char*> envp;
    envp.reserve(variables.size() + 1);
    for (auto& variable : variables) envp.push_back(variable.data());
    envp.push_back(nullptr);
    const auto input = memory_file(config(call.config).dump());
    const Fd output(memfd_create("stdout", MFD_CLOEXEC));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, output.get(), 1);
    std::string program = WEFT_CNI_PROGRAM;
    char* argv[] = {program.data(), nullptr};
    pid_t child = -1;
    const int error = posix_spawn(&child, program.c_str(), &actions, nullptr, argv, envp.data());
    posix_spawn_file_actions_destroy(&actions);
    Outcome out;
    if (error != 0) return out;
    int status = 0;
    waitpid(child, &status, 0);
    out.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    lseek(output.get(), 0, SEEK_SET);
    out.output = parsed(read_all(output.get()));
    return out;
}

std::string CniSandbox::shell(const std::string& command) {
    std::FILE* pipe = popen(("{ " + command + "\n} 2>&1").c_str(), "r");
    if (pipe == nullptr) return {};
    std::string out;
    std::array<char, 4096> buffer{};
    for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        out.append(buffer.data(), got);
    pclose(pipe);
    return out;
}

std::string CniSandbox::in_container(const std::string& command) const {
    return shell("ip netns exec " + id_ + "-a " + command);
}

void CniSandbox::expect_nothing_left() {
    EXPECT_EQ(shell("ip -o link | grep -v ' lo:'"), "");
    for (const auto& [name, path] : containers_) {
        if (!fs::exists(path)) continue;
        EXPECT_EQ(shell("ip netns exec " + id_ + "-" + name + " ip -o link | grep -v ' lo:'"), "") << name;
    }
    EXPECT_TRUE(fs::is_empty(bpf_dir_ + "/links"));
    EXPECT_EQ(shell("ip route; ip neigh"), "");
    const auto queue = run_dir_ + "/delete-queue";
    EXPECT_TRUE(!fs::exists(queue) || fs::is_empty(queue));
    EXPECT_TRUE(!daemon_ || daemon_->endpoints().empty());
}

}  // namespace weft::test
