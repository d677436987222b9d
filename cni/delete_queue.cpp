#include "cni/delete_queue.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <memory>

#include "cni/names.hpp"
#include "common/fd.hpp"
#include "datapath/abi/names.h"

namespace weft::cni {

namespace {

std::string folder(const Config& config) {
    return config.run_dir + "/" WEFT_DELETE_QUEUE;
}

std::string file_name(const Attachment& attachment) {
    return host_ifname(attachment.container_id, attachment.ifname) + ".json";
}

// The folder, made if need be, and locked: two DELs must not both take the last place.
Result<Fd> open_folder(const Config& config) {
    for (const auto& path : {config.run_dir, folder(config)})
        if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(fmt::format("make {}", path));
    Fd out(open(folder(config).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!out) return fail_errno(fmt::format("open {}", folder(config)));
    if (flock(out.get(), LOCK_EX) != 0) return fail_errno(fmt::format("lock {}", folder(config)));
    return out;
}

Result<std::size_t> count_files(const Config& config) {
    struct Close {
        void operator()(DIR* dir) const { closedir(dir); }
    };
    const std::unique_ptr<DIR, Close> dir(opendir(folder(config).c_str()));
    if (!dir) return fail_errno(fmt::format("list {}", folder(config)));
    std::size_t count = 0;
    while (const dirent* entry = readdir(dir.get()))
        if (entry->d_name[0] != '.') ++count;
    return count;
}

Result<void> write_whole(int dir, const std::string& name, const std::string& text) {
    const std::string unfinished = "." + name;
    const Fd file(openat(dir, unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) return fail_errno("make a file in the delete queue");
    const bool written =
        write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file.get()) == 0;
    if (!written || renameat(dir, unfinished.c_str(), dir, name.c_str()) != 0) {
        const int error = errno;
        unlinkat(dir, unfinished.c_str(), 0);
        return fail_errno(error, "write a file of the delete queue");
    }
    return {};
}

}  // namespace

Result<void> enqueue_delete(const Config& config, const Attachment& attachment) {
    WEFT_TRY(dir, open_folder(config));
    const auto name = file_name(attachment);
    if (faccessat(dir.get(), name.c_str(), F_OK, 0) == 0) return {};
    WEFT_TRY(count, count_files(config));
    if (count >= kMostQueued)
        return fail(ErrorCode::kExhausted, "{} holds {} DELs that weftd has not seen", folder(config), count);
    const Json record = {{"container_id", attachment.container_id},
                         {"ifname", attachment.ifname},
                         {"host_ifname", host_ifname(attachment.container_id, attachment.ifname)},
                         {"network", config.network},
                         {"time", static_cast<std::int64_t>(std::time(nullptr))}};
    return write_whole(dir.get(), name, to_line(record) + "\n");
}

bool delete_is_queued(const Config& config, const Attachment& attachment) {
    return access((folder(config) + "/" + file_name(attachment)).c_str(), F_OK) == 0;
}

void dequeue_delete(const Config& config, const Attachment& attachment) {
    unlink((folder(config) + "/" + file_name(attachment)).c_str());
}

}  // namespace weft::cni
