#include "datapath/loader/datapath.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <vector>

#include "datapath/abi/control.h"
#include "datapath/abi/flow.h"
#include "datapath/loader/map.hpp"
#include "datapath/loader/object.hpp"

namespace weft::datapath {

namespace {

namespace fs = std::filesystem;

using ObjectPtr = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;

constexpr const char* kPrograms[] = {WEFT_PROG_FROM_POD,  WEFT_PROG_TO_POD,    WEFT_PROG_FROM_NETDEV,
                                     WEFT_PROG_TO_NETDEV, WEFT_PROG_AGE_FLOWS, WEFT_PROG_READ_CLOCK};

// libbpf reports through a callback; the verifier's log comes this way too. One load at a time (the daemon's lock).
std::string& libbpf_log() {
    static std::string text;
    return text;
}

int collect_log(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    char* line = nullptr;
    const int length = vasprintf(&line, format, arguments);
    if (length > 0) libbpf_log().append(line, static_cast<std::size_t>(length));
    free(line);
    return length;
}

std::map<std::string, std::uint32_t> map_sizes(const Sizes& s) {
    return {{WEFT_MAP_FLOW4, s.flows4},
            {WEFT_MAP_FLOW6, s.flows6},
            {WEFT_MAP_HALF4, s.half_open4},
            {WEFT_MAP_HALF6, s.half_open6},
            {WEFT_MAP_FLOW4_DETAIL, s.flows4},
            {WEFT_MAP_FLOW6_DETAIL, s.flows6},
            {WEFT_MAP_HALF4_DETAIL, s.half_open4},
            {WEFT_MAP_HALF6_DETAIL, s.half_open6},
            {WEFT_MAP_FLOW4_TAGS, s.flows4 / WEFT_FLOW_WAYS},
            {WEFT_MAP_FLOW6_TAGS, s.flows6 / WEFT_FLOW_WAYS},
            {WEFT_MAP_HALF4_TAGS, s.half_open4 / WEFT_FLOW_WAYS},
            {WEFT_MAP_HALF6_TAGS, s.half_open6 / WEFT_FLOW_WAYS},
            {WEFT_MAP_EVENTS, s.ring_bytes},
            {WEFT_MAP_ADDR4, s.addresses},
            {WEFT_MAP_ADDR6, s.addresses},
            {WEFT_MAP_CIDR4, s.cidrs},
            {WEFT_MAP_CIDR6, s.cidrs}};
}

Result<void> check_sizes(const Sizes& s) {
    for (const auto& [name, size] : map_sizes(s)) {
        if (name == WEFT_MAP_ADDR4 || name == WEFT_MAP_ADDR6 || name == WEFT_MAP_CIDR4 || name == WEFT_MAP_CIDR6)
            continue;
        const std::uint32_t lowest = name == WEFT_MAP_EVENTS ? 4096 : 8;
        if (size < lowest || (size & (size - 1)) != 0)
            return fail(ErrorCode::kInvalid, "the size of {} is {}: it must be a power of two, at least {}", name, size,
                        lowest);
    }
    return {};
}

Result<void> set_constants(bpf_object* object, const Sizes& s) {
    const weft_constants constants{s.flows4 / WEFT_FLOW_WAYS - 1, s.flows6 / WEFT_FLOW_WAYS - 1,
                                   s.half_open4 / WEFT_FLOW_WAYS - 1, s.half_open6 / WEFT_FLOW_WAYS - 1,
                                   ticks_per_second()};
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (!std::string_view(bpf_map__name(map)).ends_with(".rodata.constants")) continue;
        if (bpf_map__set_initial_value(map, &constants, sizeof constants) == 0) return {};
        return fail_errno("set the constants in the BPF object");
    }
    return fail(ErrorCode::kInternal, "the BPF object has no section for its constants");
}

Result<ObjectPtr> open_object(const Sizes& sizes) {
    libbpf_log().clear();
    libbpf_set_print(&collect_log);
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    const auto bytes = bpf_object_bytes();
    bpf_object_open_opts options{};
    options.sz = sizeof options;
    options.object_name = "weft";
    ObjectPtr object(bpf_object__open_mem(bytes.data(), bytes.size(), &options), &bpf_object__close);
    if (!object) return fail_errno("read the BPF object of this build");
    for (const auto& [name, size] : map_sizes(sizes)) {
        bpf_map* map = bpf_object__find_map_by_name(object.get(), name.c_str());
        if (map == nullptr || bpf_map__set_max_entries(map, size) != 0)
            return fail(ErrorCode::kInternal, "the BPF object has no map {}", name);
    }
    WEFT_CHECK(set_constants(object.get(), sizes));
    return object;
}

// Maps that are private to the programs and hold nothing worth keeping are not pinned.
bool is_pinned_map(std::string_view name) {
    return !name.contains('.') && name != "scratch" && name != "dns_work";
}

// Gives the object the maps that are pinned already. Their sizes must be the wanted ones.
Result<void> reuse_maps(bpf_object* object, const Pins& pins) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (!is_pinned_map(bpf_map__name(map))) continue;
        Fd fd(bpf_obj_get(pins.map(bpf_map__name(map)).c_str()));
        if (!fd) {
            if (errno == ENOENT) continue;
            return fail_errno(fmt::format("open pinned map {}", bpf_map__name(map)));
        }
        bpf_map_info info{};
        std::uint32_t length = sizeof info;
        if (bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) return fail_errno("read about a pinned map");
        if (info.max_entries != bpf_map__max_entries(map) || info.value_size != bpf_map__value_size(map) ||
            info.key_size != bpf_map__key_size(map))
            return fail(
                ErrorCode::kInvalid,
                "pinned map {} has {} rows of {} bytes, wanted {} of {}: drain the node and run 'weftd uninstall' to "
                "change sizes, or start with the sizes that it has",
                bpf_map__name(map), info.max_entries, info.value_size, bpf_map__max_entries(map),
                bpf_map__value_size(map));
        if (bpf_map__reuse_fd(map, fd.get()) != 0) return fail_errno(fmt::format("reuse map {}", bpf_map__name(map)));
    }
    return {};
}

Result<void> load_object(bpf_object* object) {
    if (const int result = bpf_object__load(object); result != 0)
        return fail(ErrorCode::kSystem, "load the BPF programs: {}\n{}", std::strerror(-result), libbpf_log());
    return {};
}

// Pins under a temporary name and renames, so that a reader finds the old or the new and never nothing.
Result<void> pin_replace(int fd, const fs::path& path) {
    const fs::path fresh = path.string() + "_new";
    std::error_code ignored;
    fs::remove(fresh, ignored);
    if (bpf_obj_pin(fd, fresh.c_str()) != 0) return fail_errno(fmt::format("pin {}", fresh.string()));
    if (std::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno(fmt::format("pin {}", path.string()));
    return {};
}

Result<void> pin_maps(bpf_object* object, const Pins& pins) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (!is_pinned_map(bpf_map__name(map))) continue;
        const auto path = pins.map(bpf_map__name(map));
        std::error_code ignored;
        if (fs::exists(path, ignored)) continue;
        if (bpf_obj_pin(bpf_map__fd(map), path.c_str()) != 0) return fail_errno(fmt::format("pin {}", path.string()));
    }
    return {};
}

Result<void> pin_programs(bpf_object* object, const Pins& pins) {
    for (const char* name : kPrograms) {
        const bpf_program* program = bpf_object__find_program_by_name(object, name);
        if (program == nullptr) return fail(ErrorCode::kInternal, "the BPF object has no program {}", name);
        WEFT_CHECK(pin_replace(bpf_program__fd(program), pins.program(name)));
    }
    return {};
}

// Every pinned link gets the new program of its name: one atomic replacement each, no packet passes unseen.
Result<void> replace_links(bpf_object* object, const Pins& pins) {
    std::error_code error;
    for (const auto& file : fs::directory_iterator(pins.root / "links", error)) {
        const auto name = file.path().filename().string();
        const auto at = name.rfind('@');
        const bpf_program* program =
            at == std::string::npos ? nullptr : bpf_object__find_program_by_name(object, name.c_str() + at + 1);
        if (program == nullptr) continue;
        const Fd link(bpf_obj_get(file.path().c_str()));
        if (!link) return fail_errno(fmt::format("open link {}", file.path().string()));
        // ENOLINK: the device is gone and only the pin is left; whoever removed the device removes it.
        if (bpf_link_update(link.get(), bpf_program__fd(program), nullptr) != 0 && errno != ENOLINK)
            return fail_errno(fmt::format("replace the program of {}", file.path().string()));
    }
    return {};
}

Result<Map<std::uint32_t, weft_control>> open_control(const Pins& pins) {
    return Map<std::uint32_t, weft_control>::open(pins, WEFT_MAP_CONTROL);
}

Result<std::optional<weft_control>> pinned_control(const Pins& pins) {
    std::error_code ignored;
    if (!fs::exists(pins.map(WEFT_MAP_CONTROL), ignored)) return std::nullopt;
    WEFT_TRY(map, open_control(pins));
    WEFT_TRY(control, map.lookup(0));
    return control;
}

bool complete(const Pins& pins) {
    std::error_code ignored;
    for (const char* name : kPrograms)
        if (!fs::exists(pins.program(name), ignored)) return false;
    return true;
}

Result<void> make_directories(const Pins& pins) {
    for (const char* part : {"maps", "progs", "links"}) {
        std::error_code error;
        fs::create_directories(pins.root / part, error);
        if (error)
            return fail(ErrorCode::kSystem, "make {}: {} (is bpffs mounted? mount -t bpf bpf /sys/fs/bpf)",
                        (pins.root / part).string(), error.message());
    }
    return {};
}

// The seed, once; the digest, last: a load that was cut off is seen as another build's and done again.
Result<void> write_control(const Pins& pins, const std::optional<weft_control>& before) {
    weft_control control = before.value_or(weft_control{});
    if (control.generation == 0) control.generation = 1;
    control.abi_version = WEFT_ABI_VERSION;
    if (control.hash_seed == 0 &&
        getrandom(&control.hash_seed, sizeof control.hash_seed, 0) != sizeof control.hash_seed)
        return fail_errno("get random bytes");
    const auto digest = bpf_object_digest();
    std::memcpy(control.object_digest, digest.data(), digest.size());
    WEFT_TRY(map, open_control(pins));
    return map.update(0, control);
}

}  // namespace

Result<Loaded> ensure_loaded(const Pins& pins, const Sizes& sizes) {
    WEFT_CHECK(check_sizes(sizes));
    WEFT_CHECK(make_directories(pins));
    WEFT_TRY(before, pinned_control(pins));
    const bool existing = before && before->abi_version != 0;
    if (existing && before->abi_version != WEFT_ABI_VERSION)
        return fail(
            ErrorCode::kInvalid,
            "the maps under {} are of ABI version {}, this build's is {}: drain the node and run 'weftd uninstall'",
            pins.root.string(), before->abi_version, WEFT_ABI_VERSION);
    WEFT_TRY(object, open_object(sizes));
    WEFT_CHECK(reuse_maps(object.get(), pins));
    const auto digest = bpf_object_digest();
    if (existing && complete(pins) && std::memcmp(before->object_digest, digest.data(), digest.size()) == 0)
        return Loaded::kReused;
    WEFT_CHECK(load_object(object.get()));
    WEFT_CHECK(pin_maps(object.get(), pins));
    WEFT_CHECK(pin_programs(object.get(), pins));
    WEFT_CHECK(replace_links(object.get(), pins));
    WEFT_CHECK(write_control(pins, before));
    return existing ? Loaded::kReplaced : Loaded::kFresh;
}

namespace {

// Runs a pinned SYSCALL program; this type writes its answer back into its argument.
template <typename Answer>
Result<Answer> run_pinned(const Pins& pins, const char* name) {
    const auto path = pins.program(name);
    const Fd program(bpf_obj_get(path.c_str()));
    if (!program) return fail_errno(fmt::format("open program {}", path.string()));
    Answer answer{};
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.ctx_in = &answer;
    options.ctx_size_in = sizeof answer;
    if (bpf_prog_test_run_opts(program.get(), &options) != 0) return fail_errno(fmt::format("run {}", path.string()));
    return answer;
}

}  // namespace

Result<AgeResult> age_flows(const Pins& pins) {
    return run_pinned<AgeResult>(pins, WEFT_PROG_AGE_FLOWS);
}

Result<std::uint32_t> read_clock(const Pins& pins) {
    return run_pinned<std::uint32_t>(pins, WEFT_PROG_READ_CLOCK);
}

// The resolution of the coarse clocks is the length of the kernel's tick.
std::uint32_t ticks_per_second() {
    timespec tick{};
    clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    return static_cast<std::uint32_t>((1'000'000'000 + tick.tv_nsec / 2) / tick.tv_nsec);
}

Result<void> unload(const Pins& pins) {
    std::error_code error;
    fs::remove_all(pins.root, error);
    if (error) return fail(ErrorCode::kSystem, "remove {}: {}", pins.root.string(), error.message());
    return {};
}

}  // namespace weft::datapath
