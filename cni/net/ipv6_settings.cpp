#include "cni/net/ipv6_settings.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace weft::cni {

// By the folder: the way to it through /proc is longer than all that is done there.
Result<Ipv6Settings> Ipv6Settings::open(const std::string& device) {
    Ipv6Settings out;
    out.path_ = "/proc/sys/net/ipv6/conf/" + device;
    out.folder_.reset(::open(out.path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!out.folder_ && errno != ENOENT) return fail_errno(fmt::format("open {}", out.path_));
    return out;
}

Result<void> Ipv6Settings::set(const char* key, std::string_view value) const {
    if (!folder_) return {};
    const Fd file(openat(folder_.get(), key, O_WRONLY | O_CLOEXEC));
    if (!file) return fail_errno(fmt::format("open {}/{}", path_, key));
    if (::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
        return fail_errno(fmt::format("write '{}' to {}/{}", value, path_, key));
    return {};
}

}  // namespace weft::cni
