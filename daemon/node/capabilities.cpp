#include "daemon/node/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace weft::node {

Result<void> drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (syscall(SYS_capget, &header, data.data()) != 0) return fail_errno("read the capabilities");
    std::array<std::uint32_t, 2> kept{};
    for (const int one : {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_DAC_READ_SEARCH})
        kept[static_cast<std::size_t>(one / 32)] |= 1U << (one % 32);
    for (std::size_t i = 0; i < data.size(); ++i) {
        data[i].permitted &= kept[i];  // what the process lacks it cannot keep
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, data.data()) != 0) return fail_errno("reduce the capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("forbid new privileges");
    return {};
}

}  // namespace weft::node
