#include "tests/policy-cases/netns.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace weft::test {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFolder = "/run/netns";
constexpr const char* kOwn = "/proc/thread-self/ns/net";

Fd current() {
    Fd out(open(kOwn, O_RDONLY | O_CLOEXEC));
    if (!out) std::abort();
    return out;
}

void go_back(const Fd& to) {
    if (setns(to.get(), CLONE_NEWNET) != 0) std::abort();
}

Result<void> loopback_up() {
    const Fd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(any.get(), SIOCSIFFLAGS, &request) != 0) return fail_errno("bring lo up");
    return {};
}

// In a new namespace that this thread has entered.
Result<Fd> name_current(const std::string& path) {
    WEFT_CHECK(loopback_up());
    const Fd file(open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    if (!file) return fail_errno(path);
    if (mount(kOwn, path.c_str(), nullptr, MS_BIND, nullptr) != 0) return fail_errno("mount on " + path);
    return current();
}

void forget(const fs::path& path) {
    umount2(path.c_str(), MNT_DETACH);
    unlink(path.c_str());
}

// The child's side of a start; does not return.
[[noreturn]] void become(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                         std::array<int, 3> streams) {
    for (int i = 0; i < 3; ++i) dup2(streams[static_cast<std::size_t>(i)], i);
    for (const auto& variable : environment) putenv(const_cast<char*>(variable.c_str()));
    std::vector<char*> argv;
    for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    std::perror(argv[0]);
    _exit(127);
}

Result<std::string> read_from_start(const Fd& file) {
    if (lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno("rewind");
    std::string out;
    std::array<char, 65536> buffer{};
    ssize_t got = 0;
    while ((got = read(file.get(), buffer.data(), buffer.size())) > 0)
        out.append(buffer.data(), static_cast<std::size_t>(got));
    if (got < 0) return fail_errno("read what a program wrote");
    return out;
}

}  // namespace

Result<Netns> Netns::make(const std::string& name) {
    std::error_code ignored;
    fs::create_directories(kFolder, ignored);
    const Fd back = current();
    if (unshare(CLONE_NEWNET) != 0) return fail_errno("make a network namespace");
    auto made = name_current(std::string(kFolder) + "/" + name);
    go_back(back);
    if (!made) return std::unexpected(made.error());
    return Netns(name, std::move(*made));
}

Netns::~Netns() {
    if (fd_) forget(path());
}

std::string Netns::path() const {
    return std::string(kFolder) + "/" + name_;
}

void Netns::remove_all(const std::string& prefix) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(kFolder, none))
        if (entry.path().filename().string().starts_with(prefix)) forget(entry.path());
}

Inside::Inside(const Netns& netns) : back_(current()) {
    if (setns(netns.fd(), CLONE_NEWNET) != 0) std::abort();
}

Inside::~Inside() {
    go_back(back_);
}

Result<Finished> run_inside(const Netns& netns, const std::string& program, const std::vector<std::string>& environment,
                            const std::string& input) {
    const Fd in(memfd_create("stdin", MFD_CLOEXEC)), out(memfd_create("stdout", MFD_CLOEXEC));
    if (write(in.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
        return fail_errno("prepare standard input");
    lseek(in.get(), 0, SEEK_SET);
    const Inside inside(netns);
    const pid_t child = fork();
    if (child < 0) return fail_errno("fork");
    if (child == 0) become({program}, environment, {in.get(), out.get(), STDERR_FILENO});
    int status = 0;
    if (waitpid(child, &status, 0) != child) return fail_errno("wait for " + program);
    WEFT_TRY(text, read_from_start(out));
    return Finished{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), std::move(text)};
}

Result<pid_t> start_inside(const Netns& netns, const std::vector<std::string>& command, const std::string& log) {
    const Fd in(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Fd out(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!in || !out) return fail_errno(log);
    const Inside inside(netns);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) return fail_errno("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(127);
        become(command, {}, {in.get(), out.get(), out.get()});
    }
    return child;
}

}  // namespace weft::test
