#include "cni/cpu.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>

#include "common/fd.hpp"

namespace weft::cni {

std::optional<int> runnable_threads() {
    const Fd fd(open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
    char text[64] = {};  // "0.10 0.20 0.30 RUNNABLE/ALL PID"
    int out = 0;
    if (read(fd.get(), text, sizeof text - 1) <= 0 || std::sscanf(text, "%*s %*s %*s %d/", &out) != 1) return {};
    return out;
}

void leave_cpu(std::optional<int> runnable) {
    const int here = sched_getcpu();
    cpu_set_t others;
    if (here < 0 || sched_getaffinity(0, sizeof others, &others) != 0) return;
    if (!runnable || *runnable > CPU_COUNT(&others)) return;
    CPU_CLR(static_cast<std::size_t>(here), &others);
    sched_setaffinity(0, sizeof others, &others);
}

}  // namespace weft::cni
