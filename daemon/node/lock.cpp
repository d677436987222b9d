#include "daemon/node/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace weft::node {

Result<Fd> lock_run_dir(const std::filesystem::path& run_dir) {
    std::error_code error;
    std::filesystem::create_directories(run_dir.parent_path(), error);
    if (mkdir(run_dir.c_str(), 0700) != 0 && errno != EEXIST)
        return fail_errno(fmt::format("make {}", run_dir.string()));
    const auto path = run_dir / "weftd.lock";
    Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return fail_errno(fmt::format("open {}", path.string()));
    if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno == EWOULDBLOCK) return fail(ErrorCode::kExists, "another weftd runs in {}", run_dir.string());
    return fail_errno(fmt::format("lock {}", path.string()));
}

}  // namespace weft::node
