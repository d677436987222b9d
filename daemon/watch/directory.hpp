// The objects directory: follows it by inotify and gives each file's objects to reconcile, whole or not at all.
//
// A bad file is reported and what it gave before stays in force. Files are told apart by name; a name's source is
// "file:NAME". When events were lost, or the directory was made, moved or replaced (also a Kubernetes volume, whose
// ..data link moves), it is read afresh; what did not change since (inode, size, times) is not read again. Files that
// were refused for another reason than their contents are tried again now and then.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.hpp"
#include "daemon/reconcile/objects.hpp"

struct inotify_event;

namespace weft::watch {

struct FileStatus {
    std::string name;
    std::size_t objects = 0;     // of the last good contents
    std::optional<Error> error;  // why its present contents are not in force
};

class Directory {
  public:
    Directory(std::filesystem::path path, reconcile::Objects& objects) : path_(std::move(path)), objects_(objects) {}
    ~Directory();

    // Part of the daemon's first change: the directory's present contents, over what the store remembers of it. Reads
    // every file; a bad one keeps what was remembered.
    Result<void> load(reconcile::State& state, Rollback& undo);
    // Follows it from here on, in a thread of its own.
    Result<void> start();
    void stop();

    std::vector<FileStatus> status();
    // What is to be looked at: some files, or all that changed. A file that is being written is not looked at before it
    // is closed.
    struct Dirty {
        bool all = false;
        std::set<std::string> names;
    };
    // Gives what changed to reconcile (what the thread does). Public for tests.
    void scan(const Dirty& dirty);

  private:
    struct Stamp {
        std::uint64_t inode = 0;
        std::int64_t size = 0, mtime_ns = 0, ctime_ns = 0;
        friend bool operator==(const Stamp&, const Stamp&) = default;
    };
    struct File {
        Stamp stamp;
        std::size_t objects = 0;
        std::optional<Error> error;
    };
    std::map<std::string, Stamp> listing() const;
    Result<std::vector<policy::Object>> read(const std::string& name) const;
    void update(const std::string& name, const std::optional<Stamp>& stamp);
    void note(const std::string& name, const Stamp& stamp, Result<std::size_t> outcome);
    void run();
    bool watch();
    bool wait(Dirty& dirty);
    bool drain(Dirty& dirty);
    void take(const inotify_event& event, Dirty& dirty);

    std::filesystem::path path_;
    reconcile::Objects& objects_;
    std::mutex mutex_;
    std::map<std::string, File> files_;
    Fd inotify_, wake_;
    int watch_ = -1;
    std::thread thread_;
};

std::string source_of_file(const std::string& name);

}  // namespace weft::watch
