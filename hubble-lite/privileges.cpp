#include "hubble-lite/privileges.hpp"

#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "common/fd.hpp"
#include "common/log.hpp"

namespace weft::hubble {

namespace {

// Everything of Landlock's first version but reading.
constexpr __u64 kDenied = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                          LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                          LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                          LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

Result<void> drop_capabilities() {
    // EINVAL ends the list of capabilities that this kernel knows; EPERM: there is nothing to drop.
    for (unsigned long capability = 0; capability <= 63; ++capability)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            if (errno == EINVAL || errno == EPERM) break;
            return fail_errno("drop a capability from the bounding set");
        }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return fail_errno("clear ambient capabilities");
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    if (syscall(SYS_capset, &header, none) != 0) return fail_errno("drop capabilities");
    return {};
}

Result<void> forbid_writes() {
    const landlock_ruleset_attr rules{.handled_access_fs = kDenied};
    const Fd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0)));
    if (!ruleset) {
        if (errno != ENOSYS && errno != EOPNOTSUPP) return fail_errno("make a Landlock ruleset");
        spdlog::info("this kernel has no Landlock: writing files is not forbidden");
        return {};
    }
    if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return fail_errno("enter the Landlock ruleset");
    return {};
}

}  // namespace

Result<void> drop_privileges() {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("set no_new_privs");
    WEFT_CHECK(drop_capabilities());
    return forbid_writes();
}

}  // namespace weft::hubble
