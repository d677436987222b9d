// Attaches pinned programs to a device's TC hooks: TCX where the kernel has it (6.6), else clsact direct action.
//
// The modes differ in price. A TCX attachment waits for an RCU grace period (8 ms a hook on kernel 6.18, and again when
// the device goes); a clsact filter takes 0.1 ms but costs each packet some tens of nanoseconds more, and no other
// program can add an ingress qdisc beside it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "datapath/loader/clsact.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::datapath {

enum class AttachMode { kTcx, kClsact };

// The mode of this kernel; `WEFT_TC=clsact` or `tcx` in the environment overrides it (tests of both on one kernel).
AttachMode attach_mode();

// Attaches the pinned `program` to `ifname`'s hook in the current network namespace and, with TCX, pins the link.
// Repeating it leaves one attachment, of the pinned program and of this mode; another version of the program is
// replaced atomically. Errors: kNotFound if the program is not pinned or there is no such device.
Result<void> attach(const Pins& pins, std::string_view ifname, TcHook hook, std::string_view program,
                    AttachMode mode = attach_mode());
// The same for several hooks at once.
struct Attachment {
    TcHook hook;
    std::string_view program;
};
Result<void> attach(const Pins& pins, std::string_view ifname, std::span<const Attachment> attachments,
                    AttachMode mode = attach_mode());
// The same by clsact for a device that was made a moment ago, so that nothing of ours is there to be replaced or taken
// away. In the socket's network namespace.
Result<void> attach_first(const Pins& pins, NetlinkSocket& socket, int ifindex,
                          std::span<const Attachment> attachments);
// Removes the attachment of either mode and the pin; nothing to remove is no error, nor is a device that is gone.
Result<void> detach(const Pins& pins, std::string_view ifname, TcHook hook, std::string_view program);
// Whether exactly this pinned program is attached there, in either mode (compares program ids). Never changes anything.
Result<bool> attached(const Pins& pins, std::string_view ifname, TcHook hook, std::string_view program);
// Puts the pinned program in the place of another version of it, in the mode in which that is attached: for clsact pods
// after ensure_loaded() has replaced the programs, which reaches pinned links only. False: nothing of ours is there.
Result<bool> renew(const Pins& pins, std::string_view ifname, TcHook hook, std::string_view program);

}  // namespace weft::datapath
