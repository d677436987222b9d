// DELs that weft-cni took while the daemon was away: one file each, replayed and removed (cni/delete_queue.hpp has the
// form).
#pragma once

#include <filesystem>

#include "common/fd.hpp"
#include "daemon/endpoint/registry.hpp"

namespace weft::node {

class DeleteQueue {
  public:
    explicit DeleteQueue(std::filesystem::path folder) : folder_(std::move(folder)) {}

    // Makes the folder and watches it.
    Result<void> open();
    // Readable when something was put in.
    int fd() const { return inotify_.get(); }
    // Removes what the files name, then the files. A file that cannot be read is reported and removed: nobody can
    // repair it, and the runtime's GC finds what it meant. Returns how many were replayed.
    std::size_t replay(endpoint::Registry& registry);

  private:
    bool replay_one(const std::filesystem::path& file, endpoint::Registry& registry);

    std::filesystem::path folder_;
    Fd inotify_;
};

}  // namespace weft::node
