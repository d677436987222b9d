// Gives up what a reader of events does not need.
#pragma once

#include "common/result.hpp"

namespace weft::hubble {

// From here on this thread and those it starts: no capability (and none by any program it would run), no new
// privileges, and, where the kernel has Landlock, no file can be written, made, removed or run. Call before the first
// thread is started.
//
// None is needed: the ring is read by mmap, counters by bpf(2) on open descriptors, and pins can be opened again by
// their owner (kernel 5.19 and later ask for CAP_BPF only to make maps and programs, whatever
// kernel.unprivileged_bpf_disabled says).
Result<void> drop_privileges();

}  // namespace weft::hubble
