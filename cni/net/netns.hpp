// A network namespace that is not our own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/fd.hpp"
#include "common/netlink.hpp"
#include "common/result.hpp"

namespace weft::cni {

class Netns {
  public:
    // `host`: a socket of the namespace that we are in. Errors: kNotFound, kInvalid if the path is no network namespace
    // or is the one we are in.
    static Result<Netns> open(const std::string& path, const NetlinkSocket& host);

    int fd() const { return fd_.get(); }
    const std::string& path() const { return path_; }
    std::uint64_t device() const { return device_; }
    std::uint64_t inode() const { return inode_; }

    // Runs `work` with this thread inside the namespace and comes back whatever it answers. A process that cannot come
    // back ends at once: it must not touch anything from there.
    Result<void> inside(const std::function<Result<void>()>& work) const;

  private:
    Fd fd_, own_;
    std::string path_;
    std::uint64_t device_ = 0, inode_ = 0;
};

}  // namespace weft::cni
