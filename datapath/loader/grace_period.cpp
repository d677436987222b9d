#include "datapath/loader/grace_period.hpp"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.hpp"

namespace weft::datapath {

namespace {

// MEMBARRIER_CMD_GLOBAL is synchronize_rcu (kernel/sched/membarrier.c); the kernel refuses it on machines with
// nohz_full.
bool membarrier_waits() {
    const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    return commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL) != 0;
}

// Replacing an element of a map of maps waits likewise (maybe_wait_bpf_programs in kernel/bpf/syscall.c).
Result<void> wait_by_map_of_maps() {
    const Fd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weft_wait_in", 4, 4, 1, nullptr));
    if (!inner) return fail_errno("make a map to wait with");
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    options.inner_map_fd = static_cast<std::uint32_t>(inner.get());
    const Fd outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "weft_wait_out", 4, 4, 1, &options));
    if (!outer) return fail_errno("make a map of maps to wait with");
    const std::uint32_t zero = 0;
    const int fd = inner.get();
    if (bpf_map_update_elem(outer.get(), &zero, &fd, BPF_ANY) != 0) return fail_errno("wait by a map of maps");
    return {};
}

}  // namespace

Result<void> wait_grace_period() {
    static const bool by_membarrier = membarrier_waits();
    if (!by_membarrier) return wait_by_map_of_maps();
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) return fail_errno("membarrier");
    return {};
}

}  // namespace weft::datapath
