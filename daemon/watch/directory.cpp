#include "daemon/watch/directory.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "common/log.hpp"
#include "daemon/watch/object_file.hpp"

namespace weft::watch {

namespace {

constexpr std::string_view kPrefix = "file:";
// An editor's or a tool's several writes are one change; short enough that a person does not notice.
constexpr auto kSettle = std::chrono::milliseconds(10);
// How often a missing directory is looked for and refused files are tried again.
constexpr auto kRetry = std::chrono::seconds(2);
constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::string source_of_file(const std::string& name) {
    return std::string(kPrefix) + name;
}

Directory::~Directory() {
    stop();
}

std::map<std::string, Directory::Stamp> Directory::listing() const {
    std::map<std::string, Stamp> out;
    std::error_code error;
    for (std::filesystem::directory_iterator at(path_, error), end; !error && at != end; at.increment(error)) {
        struct stat status {};
        if (!is_object_file(at->path())) continue;
        const char* name = at->path().c_str();
        if (stat(name, &status) != 0 && lstat(name, &status) != 0) continue;  // a link to nothing is told, too
        out[at->path().filename().string()] = {status.st_ino, status.st_size, nanoseconds(status.st_mtim),
                                               nanoseconds(status.st_ctim)};
    }
    return out;
}

Result<std::vector<policy::Object>> Directory::read(const std::string& name) const {
    WEFT_TRY(text, read_file(path_ / name));
    return parse_object_file(name, text);
}

void Directory::note(const std::string& name, const Stamp& stamp, Result<std::size_t> outcome) {
    const std::scoped_lock lock(mutex_);
    File& file = files_[name];
    file.stamp = stamp;
    if (outcome) {
        if (file.error) spdlog::info("{}: good again", (path_ / name).string());
        file.objects = *outcome;
        file.error.reset();
    } else {
        spdlog::warn("{}: {} (what it gave before stays in force)", (path_ / name).string(), outcome.error().text());
        file.error = std::move(outcome).error();
    }
}

Result<void> Directory::load(reconcile::State& state, Rollback& undo) {
    const auto present = listing();
    std::set<std::string> gone;
    for (const auto& [name, source] : state.sources())
        if (source.starts_with(kPrefix) && !present.contains(source.substr(kPrefix.size()))) gone.insert(source);
    for (const auto& source : gone) WEFT_CHECK(objects_.erase_source(state, undo, source));
    for (const auto& [name, stamp] : present) {
        auto objects = read(name);
        Result<void> done;
        if (!objects)
            done = std::unexpected(objects.error());
        else
            done = objects_.replace_in(state, undo, *objects, source_of_file(name));
        note(name, stamp, done ? Result<std::size_t>(objects->size()) : std::unexpected(done.error()));
    }
    return {};
}

void Directory::update(const std::string& name, const std::optional<Stamp>& stamp) {
    if (!stamp) {
        const auto done = objects_.replace({}, source_of_file(name));
        if (done) {
            const std::scoped_lock lock(mutex_);
            files_.erase(name);
        } else {
            note(name, {},
                 std::unexpected(wrap(done.error(), "the file is gone, its objects could not be removed").error()));
        }
        return;
    }
    auto objects = read(name);
    if (!objects) return note(name, *stamp, std::unexpected(objects.error()));
    const auto done = objects_.replace(*objects, source_of_file(name));
    note(name, *stamp, done ? Result<std::size_t>(objects->size()) : std::unexpected(done.error()));
}

void Directory::scan(const Dirty& dirty) {
    const auto present = listing();
    std::map<std::string, File> known;
    {
        const std::scoped_lock lock(mutex_);
        known = files_;
    }
    const auto wanted = [&](const std::string& name) { return dirty.all || dirty.names.contains(name); };
    for (const auto& [name, file] : known)
        if (!present.contains(name) && (wanted(name) || file.error)) update(name, std::nullopt);
    for (const auto& [name, stamp] : present) {
        const auto at = known.find(name);
        const bool refused = at != known.end() && at->second.error && at->second.error->code != ErrorCode::kInvalid;
        const bool changed = at == known.end() || !(at->second.stamp == stamp);
        if (refused || (changed && wanted(name))) update(name, stamp);
    }
}

Result<void> Directory::start() {
    inotify_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_) return fail_errno("start inotify");
    wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return fail_errno("make an eventfd");
    thread_ = std::thread([this] { run(); });
    return {};
}

void Directory::stop() {
    if (!thread_.joinable()) return;
    eventfd_write(wake_.get(), 1);
    thread_.join();
}

// Whether the directory is newly watched, so that all of it is to be read.
bool Directory::watch() {
    if (watch_ >= 0) return false;
    watch_ = inotify_add_watch(inotify_.get(), path_.c_str(), kEvents);
    return watch_ >= 0;
}

// Reads what inotify has. Whether there was anything.
bool Directory::drain(Dirty& dirty) {
    alignas(inotify_event) char buffer[16384];
    bool any = false;
    for (ssize_t count = 0; (count = ::read(inotify_.get(), buffer, sizeof buffer)) > 0;) {
        any = true;
        for (ssize_t at = 0; at < count;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
            take(*event, dirty);
            at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
        }
    }
    return any;
}

void Directory::take(const inotify_event& event, Dirty& dirty) {
    const std::string name = event.len > 0 ? std::string(event.name) : "";  // padded with zeros
    if ((event.mask & IN_Q_OVERFLOW) != 0 || name.starts_with("..")) dirty.all = true;
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0 && event.wd == watch_) {
        inotify_rm_watch(inotify_.get(), watch_);
        watch_ = -1;
        dirty.all = true;
    }
    // A file just made is read when it is closed; what is none (a link, a folder) is never closed.
    std::error_code error;
    const bool being_written =
        (event.mask & IN_CREATE) != 0 &&
        std::filesystem::symlink_status(path_ / name, error).type() == std::filesystem::file_type::regular;
    if (!name.empty() && !being_written) dirty.names.insert(name);
}

// Until something happened or the retry is due; false when it is time to stop.
bool Directory::wait(Dirty& dirty) {
    pollfd fds[] = {{inotify_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    poll(fds, 2, static_cast<int>(std::chrono::milliseconds(kRetry).count()));
    if ((fds[1].revents & POLLIN) != 0) return false;
    if (drain(dirty)) {
        std::this_thread::sleep_for(kSettle);
        drain(dirty);
    }
    return true;
}

void Directory::run() {
    Dirty dirty;
    do {
        if (watch()) dirty.all = true;  // watched first: what changes during the reading is seen afterwards
        scan(dirty);
        dirty = {};
    } while (wait(dirty));
}

std::vector<FileStatus> Directory::status() {
    const std::scoped_lock lock(mutex_);
    std::vector<FileStatus> out;
    for (const auto& [name, file] : files_) out.push_back({name, file.objects, file.error});
    return out;
}

}  // namespace weft::watch
