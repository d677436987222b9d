// DELs that weftd has not seen: one file each in the run directory, replayed by weftd (docs/architecture.md).
//
// A file is <host_ifname>.json with {"container_id","ifname","host_ifname","network","time"} (time: seconds since
// 1970). It appears whole, by rename; names that begin with a dot are unfinished and to be passed over. The name is the
// attachment's, so that repeating a DEL makes no second file.
#pragma once

#include "cni/config.hpp"
#include "common/result.hpp"

namespace weft::cni {

inline constexpr std::size_t kMostQueued = 4096;

// Errors: kExhausted if the queue is full, kSystem and others of the file system.
Result<void> enqueue_delete(const Config& config, const Attachment& attachment);

// Whether such a file is waiting.
bool delete_is_queued(const Config& config, const Attachment& attachment);
void dequeue_delete(const Config& config, const Attachment& attachment);

}  // namespace weft::cni
