#include "daemon/node/delete_queue.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include "common/log.hpp"
#include "daemon/watch/object_file.hpp"

namespace weft::node {

namespace {

Result<endpoint::Attachment> read_entry(const std::filesystem::path& file) {
    WEFT_TRY(text, watch::read_file(file));
    WEFT_TRY(json, parse_json(text));
    return endpoint::parse_attachment(JsonView(json));
}

}  // namespace

Result<void> DeleteQueue::open() {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (error) return fail(ErrorCode::kSystem, "make {}: {}", folder_.string(), error.message());
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, error);
    inotify_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_ || inotify_add_watch(inotify_.get(), folder_.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        return fail_errno(fmt::format("watch {}", folder_.string()));
    return {};
}

// False when it is to be tried again.
bool DeleteQueue::replay_one(const std::filesystem::path& file, endpoint::Registry& registry) {
    const auto attachment = read_entry(file);
    if (!attachment) {
        spdlog::error("{}: {}; passed over", file.string(), attachment.error().text());
        return true;
    }
    const auto removed = registry.remove(*attachment);
    if (!removed) {
        spdlog::error("replay {}: {}", file.string(), removed.error().text());
        return false;
    }
    spdlog::info("replayed the DEL of {} of container {}{}", attachment->ifname, attachment->container_id,
                 *removed ? "" : ": it was not known");
    return true;
}

std::size_t DeleteQueue::replay(endpoint::Registry& registry) {
    char events[4096];
    while (read(inotify_.get(), events, sizeof events) > 0) {
    }
    std::size_t count = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        if (entry.path().filename().string().starts_with('.') || !replay_one(entry.path(), registry)) continue;
        std::error_code ignored;
        std::filesystem::remove(entry.path(), ignored);
        ++count;
    }
    return count;
}

}  // namespace weft::node
