#include "cni/cpu.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "common/fd.hpp"

namespace weft::cni {

std::optional<int> runnable_threads() {
    const Fd fd(open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
    char buffer[64];  // "0.10 0.20 0.30 RUNNABLE/ALL PID"
    const auto got = read(fd.get(), buffer, sizeof buffer);
    std::string_view text(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
    for (int word = 0; word < 3; ++word) text.remove_prefix(std::min(text.find(' ') + 1, text.size()));
    int out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end == text.data() + text.size() || *end != '/') return {};
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
