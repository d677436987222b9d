// A network namespace that is not our own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace weft::cni {

class Netns {
  public:
    // Errors: kNotFound, kInvalid if the path is no network namespace or is the one we are in.
    static Result<Netns> open(const std::string& path);

    int fd() const { return fd_.get(); }
    const std::string& path() const { return path_; }
    std::uint64_t device() const { return device_; }
    std::uint64_t inode() const { return inode_; }

    // Runs `work` with this thread inside the namespace and comes back whatever it answers. A process that cannot come
    // back ends at once: it must not touch anything from there.
    Result<void> inside(const std::function<Result<void>()>& work) const;

  private:
    Fd fd_;
    std::string path_;
    std::uint64_t device_ = 0, inode_ = 0;
};

// Writes a value under /proc/sys/net in the namespace that the thread is in. `key`: "ipv6/conf/eth0/accept_dad".
Result<void> write_sysctl(const std::string& key, std::string_view value);

}  // namespace weft::cni
