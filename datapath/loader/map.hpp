// Typed access to a pinned map. Thread-safe as the kernel's maps are. Every failed call is an error, never ignored.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "common/fd.hpp"
#include "common/result.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::datapath {

class MapFd {
  public:
    MapFd() = default;
    // Error kNotFound if it is not pinned; kInvalid if key or value size differ from the expected ones. For per-CPU
    // maps `value_size` is that of one CPU's value.
    static Result<MapFd> open(const Pins& pins, std::string_view name, std::uint32_t key_size,
                              std::uint32_t value_size);

    Result<void> update(const void* key, const void* value) const;
    // `count` keys and values one behind the other, each row as by update(), in order; `done`: how many of them are in
    // the map now, the error is of the next. Not for per-CPU maps.
    Result<void> update_batch(const void* keys, const void* values, std::size_t count, std::size_t& done) const;
    Result<bool> lookup(const void* key, void* value) const;  // false: no such key
    Result<bool> erase(const void* key) const;                // false: there was none
    // All keys and values, in batches. `visit` gets pointers that are valid during the call; for per-CPU maps `value`
    // points to cpus() values of value_size rounded up to 8. Rows written meanwhile may be seen or not.
    Result<void> for_each(const std::function<void(const void* key, const void* value)>& visit) const;

    std::uint32_t max_entries() const { return max_entries_; }
    int fd() const { return fd_.get(); }
    static int cpus();

  private:
    Fd fd_;
    std::uint32_t type_ = 0, key_size_ = 0, value_size_ = 0, max_entries_ = 0;
    std::string name_;
};

template <typename Key, typename Value>
class Map {
  public:
    Map() = default;
    static Result<Map> open(const Pins& pins, std::string_view name) {
        auto fd = MapFd::open(pins, name, sizeof(Key), sizeof(Value));
        if (!fd) return std::unexpected(std::move(fd).error());
        return Map(std::move(*fd));
    }
    Result<void> update(const Key& key, const Value& value) const { return fd_.update(&key, &value); }
    Result<void> update_batch(const std::vector<Key>& keys, const std::vector<Value>& values, std::size_t& done) const {
        return fd_.update_batch(keys.data(), values.data(), keys.size(), done);
    }
    Result<std::optional<Value>> lookup(const Key& key) const {
        Value value{};
        auto found = fd_.lookup(&key, &value);
        if (!found) return std::unexpected(std::move(found).error());
        return *found ? std::optional(value) : std::nullopt;
    }
    Result<bool> erase(const Key& key) const { return fd_.erase(&key); }
    template <typename Visit>
    Result<void> for_each(Visit visit) const {
        return fd_.for_each([&](const void* key, const void* value) {
            visit(*static_cast<const Key*>(key), *static_cast<const Value*>(value));
        });
    }
    const MapFd& raw() const { return fd_; }

  private:
    explicit Map(MapFd fd) : fd_(std::move(fd)) {}
    MapFd fd_;
};

}  // namespace weft::datapath
