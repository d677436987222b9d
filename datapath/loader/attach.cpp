#include "datapath/loader/attach.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "common/fd.hpp"

namespace weft::datapath {

namespace {

// enum bpf_attach_type of kernel 6.6; libbpf 1.1's headers end before them.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);

bpf_attach_type tcx_type(TcHook hook) {
    return hook == TcHook::kIngress ? kTcxIngress : kTcxEgress;
}

// Keeps libbpf from writing the kernel's answer to standard error where that answer is expected (EEXIST, ENOENT).
class Quiet {
  public:
    Quiet() : before_(libbpf_set_print(nullptr)) {}
    ~Quiet() { libbpf_set_print(before_); }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    libbpf_print_fn_t before_;
};

struct Program {
    Fd fd;
    std::uint32_t id = 0;
};

Result<Fd> open_pinned(const Pins& pins, std::string_view name) {
    const auto path = pins.program(name);
    Fd out(bpf_obj_get(path.c_str()));
    if (!out) return fail_errno(fmt::format("open the pinned program {}", path.string()));
    return out;
}

Result<Program> open_program(const Pins& pins, std::string_view name) {
    WEFT_TRY(fd, open_pinned(pins, name));
    Program out{std::move(fd), 0};
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(out.fd.get(), &info, &size) != 0) return fail_errno("read program info");
    out.id = info.id;
    return out;
}

Result<int> index_of(std::string_view ifname) {
    const auto index = if_nametoindex(std::string(ifname).c_str());
    if (index == 0) return fail(ErrorCode::kNotFound, "no device {} in this network namespace", ifname);
    return static_cast<int>(index);
}

// What the pinned link holds now. ifindex 0: the device is gone (the kernel detached the link).
struct LinkState {
    Fd fd;
    std::uint32_t program_id = 0;
    std::uint32_t ifindex = 0;
};

Result<LinkState> open_link(const std::filesystem::path& path) {
    LinkState out{Fd(bpf_obj_get(path.c_str())), 0, 0};
    if (!out.fd) return fail_errno(fmt::format("open the pinned link {}", path.string()));
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(out.fd.get(), &info, &size) != 0) return fail_errno("read link info");
    out.program_id = info.prog_id;
    out.ifindex = info.xdp.ifindex;  // tcx.ifindex stands at the same offset of the union; 6.1's headers lack it
    return out;
}

Result<void> remove_pin(const std::filesystem::path& path) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(fmt::format("remove {}", path.string()));
    return {};
}

// Detaches the link and then removes its pin. Removing the pin alone would detach it at some later time: the kernel
// puts that off to a worker.
Result<void> remove_link(const std::filesystem::path& pin) {
    const auto link = open_link(pin);
    if (!link && link.error().code == ErrorCode::kNotFound) return {};
    if (!link) return std::unexpected(link.error());
    if (link->ifindex != 0 && bpf_link_detach(link->fd.get()) != 0 && errno != ENOLINK)
        return fail_errno(fmt::format("detach the link {}", pin.string()));
    return remove_pin(pin);
}

bpf_tc_hook hook_at(int ifindex, TcHook hook) {
    bpf_tc_hook out{};
    out.sz = sizeof out;
    out.ifindex = ifindex;
    out.attach_point = hook == TcHook::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    return out;
}

bpf_tc_opts our_filter() {
    bpf_tc_opts out{};
    out.sz = sizeof out;
    out.handle = kFilterHandle;
    out.priority = kFilterPriority;
    return out;
}

Result<void> put_filters_here(int ifindex, std::span<const ClsactFilter> filters) {
    WEFT_TRY(socket, NetlinkSocket::open());
    return put_filters(socket, ifindex, filters);
}

// Id of the program in our place on a clsact hook; 0 if there is none.
Result<std::uint32_t> filter_program(int ifindex, TcHook hook) {
    const Quiet quiet;
    const auto at = hook_at(ifindex, hook);
    auto filter = our_filter();
    const int error = -bpf_tc_query(&at, &filter);
    if (error == ENOENT || error == EINVAL || error == ENODEV) return 0;  // EINVAL: no clsact qdisc there
    if (error != 0) return fail_errno(error, "query the tc filter");
    return filter.prog_id;
}

Result<void> remove_filter(int ifindex, TcHook hook) {
    WEFT_TRY(present, filter_program(ifindex, hook));
    if (present == 0) return {};
    const Quiet quiet;
    const auto at = hook_at(ifindex, hook);
    const auto filter = our_filter();
    const int error = -bpf_tc_detach(&at, &filter);
    if (error != 0 && error != ENOENT) return fail_errno(error, "remove the tc filter");
    return {};
}

// True if the pinned link is alive on this device and now runs the program; false if a new one is needed.
Result<bool> renew_link(const std::filesystem::path& pin, int ifindex, const Program& program) {
    auto link = open_link(pin);
    if (!link) {
        if (link.error().code == ErrorCode::kNotFound) return false;
        return std::unexpected(std::move(link).error());
    }
    if (link->ifindex != static_cast<std::uint32_t>(ifindex)) {  // of a device that is gone
        WEFT_CHECK(remove_pin(pin));
        return false;
    }
    if (link->program_id != program.id && bpf_link_update(link->fd.get(), program.fd.get(), nullptr) != 0)
        return fail_errno("replace the link's program");
    return true;
}

Result<void> attach_link(const std::filesystem::path& pin, int ifindex, TcHook hook, const Program& program) {
    WEFT_TRY(renewed, renew_link(pin, ifindex, program));
    if (renewed) return {};
    const Fd link(bpf_link_create(program.fd.get(), ifindex, tcx_type(hook), nullptr));
    if (!link) return fail_errno("create the TCX link");
    if (bpf_obj_pin(link.get(), pin.c_str()) != 0) return fail_errno(fmt::format("pin the link at {}", pin.string()));
    return {};
}

AttachMode detect_mode() {
    const char* wanted = std::getenv("WEFT_TC");
    const std::string_view text = wanted == nullptr ? "" : wanted;
    if (text == "clsact") return AttachMode::kClsact;
    if (text == "tcx") return AttachMode::kTcx;
    std::uint32_t count = 0;
    std::uint32_t flags = 0;
    constexpr int kLoopback = 1;  // device 1 of every namespace; kernels before 6.6 answer EINVAL to the attach type
    const int answer = bpf_prog_query(kLoopback, kTcxIngress, 0, &flags, nullptr, &count);
    return answer == 0 ? AttachMode::kTcx : AttachMode::kClsact;
}

}  // namespace

AttachMode attach_mode() {
    static const AttachMode mode = detect_mode();
    return mode;
}

Result<void> attach(const Pins& pins, std::string_view ifname, std::span<const Attachment> attachments,
                    AttachMode mode) {
    const auto failed = [&](Error error, std::string_view program) {
        return wrap(std::move(error), fmt::format("attach {} to {}", program, ifname));
    };
    std::vector<Program> programs;
    std::vector<ClsactFilter> filters;
    for (const auto& [hook, name] : attachments) {
        auto opened = open_program(pins, name);
        if (!opened) return failed(std::move(opened).error(), name);
        programs.push_back(std::move(*opened));
        filters.push_back({hook, programs.back().fd.get()});
    }
    auto ifindex = index_of(ifname);
    if (!ifindex) return failed(std::move(ifindex).error(), attachments.front().program);
    if (mode == AttachMode::kClsact)
        if (auto put = put_filters_here(*ifindex, filters); !put)
            return failed(std::move(put).error(), attachments.front().program);
    // The new attachment first, then the other mode's: no packet passes unseen.
    for (std::size_t i = 0; i < attachments.size(); ++i) {
        const auto& [hook, name] = attachments[i];
        const auto pin = pins.link(ifname, name);
        auto done = mode == AttachMode::kTcx ? attach_link(pin, *ifindex, hook, programs[i]) : remove_link(pin);
        if (done && mode == AttachMode::kTcx) done = remove_filter(*ifindex, hook);
        if (!done) return failed(std::move(done).error(), name);
    }
    return {};
}

Result<void> attach_first(const Pins& pins, NetlinkSocket& socket, int ifindex,
                          std::span<const Attachment> attachments) {
    std::vector<Fd> programs;
    std::vector<ClsactFilter> filters;
    for (const auto& [hook, name] : attachments) {
        WEFT_TRY(program, open_pinned(pins, name));
        filters.push_back({hook, program.get()});
        programs.push_back(std::move(program));
    }
    return put_filters(socket, ifindex, filters);
}

Result<void> attach(const Pins& pins, std::string_view ifname, TcHook hook, std::string_view program, AttachMode mode) {
    const Attachment one{hook, program};
    return attach(pins, ifname, {&one, 1}, mode);
}

Result<void> detach(const Pins& pins, std::string_view ifname, TcHook hook, std::string_view program) {
    const auto doing = [&] { return fmt::format("detach {} from {}", program, ifname); };
    if (auto removed = remove_link(pins.link(ifname, program)); !removed)
        return wrap(std::move(removed).error(), doing());
    const auto ifindex = index_of(ifname);
    if (!ifindex) return {};
    if (auto removed = remove_filter(*ifindex, hook); !removed) return wrap(std::move(removed).error(), doing());
    return {};
}

Result<bool> attached(const Pins& pins, std::string_view ifname, TcHook hook, std::string_view program) {
    WEFT_TRY(opened, open_program(pins, program));
    WEFT_TRY(ifindex, index_of(ifname));
    const auto link = open_link(pins.link(ifname, program));
    if (link && link->program_id == opened.id && link->ifindex == static_cast<std::uint32_t>(ifindex)) return true;
    if (!link && link.error().code != ErrorCode::kNotFound) return std::unexpected(link.error());
    WEFT_TRY(filter, filter_program(ifindex, hook));
    return filter == opened.id;
}

Result<bool> renew(const Pins& pins, std::string_view ifname, TcHook hook, std::string_view program) {
    WEFT_TRY(opened, open_program(pins, program));
    WEFT_TRY(ifindex, index_of(ifname));
    WEFT_TRY(linked, renew_link(pins.link(ifname, program), ifindex, opened));
    if (linked) return true;
    WEFT_TRY(filter, filter_program(ifindex, hook));
    if (filter == 0) return false;
    if (filter == opened.id) return true;
    const ClsactFilter renewed{hook, opened.fd.get()};
    WEFT_CHECK(put_filters_here(ifindex, {&renewed, 1}));
    return true;
}

}  // namespace weft::datapath
