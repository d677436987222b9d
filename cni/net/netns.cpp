#include "cni/net/netns.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace weft::cni {

namespace {

constexpr const char* kOwn = "/proc/thread-self/ns/net";

}  // namespace

Result<Netns> Netns::open(const std::string& path) {
    Netns out;
    out.path_ = path;
    out.fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!out.fd_) return fail_errno(fmt::format("open {}", path));
    if (ioctl(out.fd_.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
        return fail(ErrorCode::kInvalid, "{} is not a network namespace", path);
    struct stat there {};
    struct stat here {};
    if (fstat(out.fd_.get(), &there) != 0) return fail_errno(fmt::format("stat {}", path));
    if (stat(kOwn, &here) != 0) return fail_errno(fmt::format("stat {}", kOwn));
    if (there.st_dev == here.st_dev && there.st_ino == here.st_ino)
        return fail(ErrorCode::kInvalid, "{} is the namespace that weft-cni itself runs in", path);
    out.device_ = there.st_dev;
    out.inode_ = there.st_ino;
    return out;
}

Result<void> Netns::inside(const std::function<Result<void>()>& work) const {
    const Fd own(::open(kOwn, O_RDONLY | O_CLOEXEC));
    if (!own) return fail_errno("open our own network namespace");
    if (setns(fd_.get(), CLONE_NEWNET) != 0) return fail_errno(fmt::format("enter {}", path_));
    auto done = work();
    if (setns(own.get(), CLONE_NEWNET) != 0) {
        std::perror("weft-cni: return to the host's network namespace");
        std::abort();
    }
    return done;
}

Result<void> write_sysctl(const std::string& key, std::string_view value) {
    const std::string path = "/proc/sys/net/" + key;
    const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return fail_errno(fmt::format("open {}", path));
    if (::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
        return fail_errno(fmt::format("write '{}' to {}", value, path));
    return {};
}

}  // namespace weft::cni
