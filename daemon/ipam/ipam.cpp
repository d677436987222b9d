#include "daemon/ipam/ipam.hpp"

#include <algorithm>
#include <ctime>

namespace weft::ipam {

std::int64_t boot_seconds() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

Result<Ipam> Ipam::make(const Settings& settings) {
    Ipam out(settings.cooldown);
    for (const auto& range : {settings.range4, settings.range6}) {
        if (!range) continue;
        WEFT_TRY(pool, Pool::make(*range, settings.reserved));
        out.pools_[range->address.is_v4() ? 0 : 1] = std::move(pool);
    }
    if (!out.pools_[0] && !out.pools_[1])
        return fail(ErrorCode::kInvalid, "no pod range: give --pod-cidr4, --pod-cidr6 or both");
    return out;
}

void Ipam::restore(const std::vector<store::AddressRow>& rows) {
    for (const auto& row : rows) {
        Pool* family = pool(row.address.is_v4());
        if (family == nullptr) continue;
        if (row.endpoint == 0)
            family->restore_cooling(row.address, row.until);
        else
            static_cast<void>(family->claim(row.address));  // outside today's range: nothing to protect it from
        family->begin_after(row.address);
    }
}

Result<IpAddr> Ipam::allocate_one(bool v4, const std::vector<IpAddr>& wanted, std::int64_t now) {
    const auto asked = std::ranges::find(wanted, v4, &IpAddr::is_v4);
    if (asked == wanted.end()) return pool(v4)->allocate(now);
    WEFT_CHECK(pool(v4)->claim(*asked));
    return *asked;
}

Result<std::vector<IpAddr>> Ipam::allocate(const std::vector<IpAddr>& wanted, std::int64_t now) {
    for (const auto& ip : wanted)
        if (pool(ip.is_v4()) == nullptr)
            return fail(ErrorCode::kInvalid, "{} was asked for, but there is no pool of its family", ip.text());
    std::vector<IpAddr> out;
    for (const bool v4 : {true, false}) {
        if (pool(v4) == nullptr) continue;
        auto ip = allocate_one(v4, wanted, now);
        if (!ip) {
            take_back(out);
            return std::unexpected(std::move(ip).error());
        }
        out.push_back(*ip);
    }
    return out;
}

std::int64_t Ipam::release(const std::vector<IpAddr>& addresses, std::int64_t now) {
    const std::int64_t until = cooldown_ > 0 ? now + cooldown_ : 0;
    for (const auto& ip : addresses)
        if (Pool* family = pool(ip.is_v4()); family != nullptr) family->release(ip, until);
    return until;
}

void Ipam::take_back(const std::vector<IpAddr>& addresses) {
    for (const auto& ip : addresses)
        if (Pool* family = pool(ip.is_v4()); family != nullptr) family->release(ip, 0);
}

std::optional<IpAddr> Ipam::gateway(bool v4) const {
    const auto& family = pools_[v4 ? 0 : 1];
    return family ? std::optional(family->gateway()) : std::nullopt;
}

std::vector<Cidr> Ipam::ranges() const {
    std::vector<Cidr> out;
    for (const auto& family : pools_)
        if (family) out.push_back(family->range());
    return out;
}

Json Ipam::status(std::int64_t now) {
    Json out = Json::array();
    for (auto& family : pools_) {
        if (!family) continue;
        const auto counts = family->counts(now);
        out.push_back({{"range", family->range().text()},
                       {"gateway", family->gateway().text()},
                       {"size", counts.size},
                       {"used", counts.used},
                       {"cooling", counts.cooling},
                       {"free", counts.free}});
    }
    return out;
}

}  // namespace weft::ipam
