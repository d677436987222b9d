#include "datapath/loader/map.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

namespace weft::datapath {

namespace {

bool is_per_cpu(std::uint32_t type) {
    return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH;
}

constexpr std::uint32_t kBatch = 512;  // rows a system call: enough that the call's own cost does not show

}  // namespace

int MapFd::cpus() {
    static const int count = libbpf_num_possible_cpus();
    return count;
}

Result<MapFd> MapFd::open(const Pins& pins, std::string_view name, std::uint32_t key_size, std::uint32_t value_size) {
    const auto path = pins.map(name);
    MapFd map;
    map.name_ = name;
    map.fd_.reset(bpf_obj_get(path.c_str()));
    if (!map.fd_) return fail_errno(fmt::format("open map {}", path.string()));
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(map.fd_.get(), &info, &length) != 0)
        return fail_errno(fmt::format("read about map {}", name));
    if (info.key_size != key_size || info.value_size != value_size)
        return fail(ErrorCode::kInvalid,
                    "map {} has rows of {}+{} bytes, expected {}+{}: it belongs to another version of weft",
                    path.string(), info.key_size, info.value_size, key_size, value_size);
    map.type_ = info.type;
    map.key_size_ = key_size;
    map.value_size_ = value_size;
    map.max_entries_ = info.max_entries;
    return map;
}

Result<void> MapFd::update(const void* key, const void* value) const {
    if (bpf_map_update_elem(fd_.get(), key, value, BPF_ANY) != 0) return fail_errno(fmt::format("write map {}", name_));
    return {};
}

Result<void> MapFd::update_batch(const void* keys, const void* values, std::size_t count, std::size_t& done) const {
    const auto* const key = static_cast<const std::byte*>(keys);
    const auto* const value = static_cast<const std::byte*>(values);
    for (done = 0; done < count;) {
        const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(count - done, kBatch));
        auto rows = wanted;
        const int result =
            bpf_map_update_batch(fd_.get(), key + done * key_size_, value + done * value_size_, &rows, nullptr);
        const int error = errno;
        if (result == 0 || rows < wanted) done += rows;  // a call that fails at once leaves `rows` as it was
        if (result != 0) return fail_errno(error, fmt::format("write map {}", name_));
    }
    return {};
}

Result<bool> MapFd::lookup(const void* key, void* value) const {
    if (bpf_map_lookup_elem(fd_.get(), key, value) == 0) return true;
    if (errno == ENOENT) return false;
    return fail_errno(fmt::format("read map {}", name_));
}

Result<bool> MapFd::erase(const void* key) const {
    if (bpf_map_delete_elem(fd_.get(), key) == 0) return true;
    if (errno == ENOENT) return false;
    return fail_errno(fmt::format("delete from map {}", name_));
}

Result<void> MapFd::for_each(const std::function<void(const void*, const void*)>& visit) const {
    const std::size_t value_bytes =
        is_per_cpu(type_) ? (value_size_ + 7U) / 8 * 8 * static_cast<std::size_t>(cpus()) : value_size_;
    std::uint32_t batch = kBatch;
    std::vector<std::byte> keys, values;
    // Hash maps hand out whole buckets and ask for more room by ENOSPC; the token is a bucket number or a key.
    std::vector<std::byte> in(std::max<std::size_t>(key_size_, 8)), out(in.size());
    for (bool first = true;;) {
        keys.resize(static_cast<std::size_t>(batch) * key_size_);
        values.resize(static_cast<std::size_t>(batch) * value_bytes);
        std::uint32_t count = batch;
        const int result = bpf_map_lookup_batch(fd_.get(), first ? nullptr : in.data(), out.data(), keys.data(),
                                                values.data(), &count, nullptr);
        const int error = result == 0 ? 0 : errno;
        if (error == ENOSPC && batch < (1U << 20)) {
            batch *= 2;
            continue;
        }
        if (error != 0 && error != ENOENT) return fail_errno(error, fmt::format("read map {}", name_));
        for (std::uint32_t i = 0; i < count; ++i)
            visit(keys.data() + static_cast<std::size_t>(i) * key_size_,
                  values.data() + static_cast<std::size_t>(i) * value_bytes);
        if (error == ENOENT) return {};
        in = out;
        first = false;
    }
}

}  // namespace weft::datapath
