// Addresses for pods: a pool a family, backed by the records of the store. Not thread-safe (the daemon's lock).
#pragma once

#include <optional>

#include "daemon/ipam/pool.hpp"
#include "daemon/store/store.hpp"

namespace weft::ipam {

struct Settings {
    std::optional<Cidr> range4, range6;  // at least one
    std::vector<Cidr> reserved;          // never given out, of either family
    std::int64_t cooldown = 30;          // seconds that a freed address rests
};

// CLOCK_BOOTTIME in seconds: as long-lived as the run directory, and never set back.
std::int64_t boot_seconds();

class Ipam {
  public:
    static Result<Ipam> make(const Settings& settings);
    // Takes over what the store knows. An address outside today's pools stays with its endpoint and is not given again.
    void restore(const std::vector<store::AddressRow>& rows);

    // An address of each family: those of `wanted` exactly, the others chosen. All or nothing. IPv4 before IPv6.
    // Errors: kExhausted, kInvalid (a wanted address outside the pools), kExists (a wanted one in use).
    Result<std::vector<IpAddr>> allocate(const std::vector<IpAddr>& wanted, std::int64_t now);
    // They rest for the cool-down. Returns until when.
    std::int64_t release(const std::vector<IpAddr>& addresses, std::int64_t now);
    // Never answered to anybody: free at once.
    void take_back(const std::vector<IpAddr>& addresses);

    std::optional<IpAddr> gateway(bool v4) const;
    std::vector<Cidr> ranges() const;
    Json status(std::int64_t now);

  private:
    explicit Ipam(std::int64_t cooldown) : cooldown_(cooldown) {}
    Pool* pool(bool v4) { return pools_[v4 ? 0 : 1] ? &*pools_[v4 ? 0 : 1] : nullptr; }
    Result<IpAddr> allocate_one(bool v4, const std::vector<IpAddr>& wanted, std::int64_t now);

    std::int64_t cooldown_;
    std::array<std::optional<Pool>, 2> pools_;  // IPv4, IPv6
};

}  // namespace weft::ipam
