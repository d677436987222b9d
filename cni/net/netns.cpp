#include "cni/net/netns.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace weft::cni {

Result<Netns> Netns::open(const std::string& path, const NetlinkSocket& host) {
    Netns out;
    out.path_ = path;
    out.fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!out.fd_) return fail_errno(fmt::format("open {}", path));
    if (ioctl(out.fd_.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
        return fail(ErrorCode::kInvalid, "{} is not a network namespace", path);
    // By a socket: /proc/thread-self/ns/net is the same, but /proc has to make its folders for the new process first.
    out.own_.reset(ioctl(host.fd(), SIOCGSKNS));
    if (!out.own_) return fail_errno("open our own network namespace");
    struct stat there {};
    struct stat here {};
    if (fstat(out.fd_.get(), &there) != 0) return fail_errno(fmt::format("stat {}", path));
    if (fstat(out.own_.get(), &here) != 0) return fail_errno("stat our own network namespace");
    if (there.st_dev == here.st_dev && there.st_ino == here.st_ino)
        return fail(ErrorCode::kInvalid, "{} is the namespace that weft-cni itself runs in", path);
    out.device_ = there.st_dev;
    out.inode_ = there.st_ino;
    return out;
}

Result<void> Netns::inside(const std::function<Result<void>()>& work) const {
    if (setns(fd_.get(), CLONE_NEWNET) != 0) return fail_errno(fmt::format("enter {}", path_));
    auto done = work();
    if (setns(own_.get(), CLONE_NEWNET) != 0) {
        std::perror("weft-cni: return to the host's network namespace");
        std::abort();
    }
    return done;
}

}  // namespace weft::cni
