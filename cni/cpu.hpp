// Where weft-cni runs while weftd works for it.
#pragma once

#include <optional>

namespace weft::cni {

// How many threads of the machine run or could (/proc/loadavg). None: not known.
std::optional<int> runnable_threads();

// To be called when weftd has been asked something, with runnable_threads(). The kernel wakes weftd on the CPU of the
// process that wrote to it, where weftd would wait until this one sleeps: the calling thread goes on elsewhere, for
// good, if a CPU idles. Where none may be had all stays as it is.
void leave_cpu(std::optional<int> runnable);

}  // namespace weft::cni
