#include "daemon/ipam/pool.hpp"

#include <algorithm>

namespace weft::ipam {

namespace {

// Number of addresses in the range; UINT64_MAX when they are more.
std::uint64_t size_of(const Cidr& range) {
    const int host_bits = range.address.bits() - range.length;
    return host_bits >= 64 ? UINT64_MAX : std::uint64_t{1} << host_bits;
}

// Those parts of `reserved` that lie in the range, none within another.
std::vector<Cidr> within(const Cidr& range, const std::vector<Cidr>& reserved) {
    std::vector<Cidr> out;
    auto sorted = reserved;
    std::ranges::sort(sorted, [](const Cidr& a, const Cidr& b) {
        return std::pair(a.address, a.length) < std::pair(b.address, b.length);
    });
    for (const auto& part : sorted)
        if (range.contains(part) && (out.empty() || !out.back().contains(part))) out.push_back(part);
    return out;
}

}  // namespace

IpAddr last_address(const Cidr& range) {
    auto bytes = range.address.bytes();
    for (int bit = 128 - range.address.bits() + range.length; bit < 128; ++bit)
        bytes[static_cast<std::size_t>(bit / 8)] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
    return IpAddr::from_bytes(bytes);
}

Pool::Pool(const Cidr& range, const std::vector<Cidr>& reserved) : range_(range), reserved_(within(range, reserved)) {
    const IpAddr end = last_address(range);
    first_ = range.address.plus(2);
    auto bytes = end.bytes();
    --bytes[15];  // a range of at least four: its last address is odd
    last_ = IpAddr::from_bytes(bytes);
    next_ = first_;
    const std::uint64_t all = size_of(range);
    std::uint64_t lost = 3;
    for (const auto& part : reserved_) {
        std::uint64_t own = size_of(part);
        for (const auto& edge : {range.address, range.address.plus(1), end})
            if (part.contains(edge) && own != UINT64_MAX) --own;
        lost = own > UINT64_MAX - lost ? UINT64_MAX : lost + own;
    }
    size_ = all == UINT64_MAX ? all : all - std::min(lost, all);
}

Result<Pool> Pool::make(const Cidr& range, const std::vector<Cidr>& reserved) {
    if (range.length > range.address.bits() - 2)
        return fail(ErrorCode::kInvalid, "the pod range {} is too small: it needs at least four addresses",
                    range.text());
    for (const auto& part : reserved)
        if (part.contains(range))
            return fail(ErrorCode::kInvalid, "the pod range {} is reserved whole by {}", range.text(), part.text());
    return Pool(range, reserved);
}

const Cidr* Pool::reserved_range(const IpAddr& address) const {
    auto after = std::ranges::upper_bound(reserved_, address, {}, [](const Cidr& part) { return part.address; });
    if (after == reserved_.begin()) return nullptr;
    --after;
    return after->contains(address) ? &*after : nullptr;
}

void Pool::forget_cooled(std::int64_t now) {
    while (!cooling_.empty() && cooling_.front().first <= now) {
        const auto [until, address] = cooling_.front();
        cooling_.pop_front();
        if (const auto at = taken_.find(address); at != taken_.end() && at->second == until) taken_.erase(at);
    }
}

Result<IpAddr> Pool::allocate(std::int64_t now) {
    forget_cooled(now);
    IpAddr at = next_;
    for (int rounds = 0; rounds < 2;) {
        if (at > last_) {
            at = first_;
            ++rounds;
            continue;
        }
        if (const Cidr* part = reserved_range(at); part != nullptr) {
            at = last_address(*part) >= last_ ? last_.plus(1) : last_address(*part).plus(1);
        } else if (!taken_.contains(at)) {
            taken_.emplace(at, 0);
            ++used_;
            next_ = at.plus(1);
            return at;
        } else {
            at = at.plus(1);
        }
    }
    return fail(ErrorCode::kExhausted,
                "no address is left in {}: {} in use, {} cooling down; remove pods or start weftd with a larger range",
                range_.text(), used_, taken_.size() - used_);
}

Result<void> Pool::claim(const IpAddr& address) {
    if (!range_.contains(address))
        return fail(ErrorCode::kInvalid, "{} is not in the pod range {}", address.text(), range_.text());
    if (address < first_ || address > last_ || reserved_range(address) != nullptr)
        return fail(ErrorCode::kInvalid, "{} is reserved in the pod range {}", address.text(), range_.text());
    const auto [at, fresh] = taken_.try_emplace(address, 0);
    if (!fresh && at->second == 0) return fail(ErrorCode::kExists, "address {} is in use", address.text());
    at->second = 0;
    ++used_;
    return {};
}

void Pool::release(const IpAddr& address, std::int64_t until) {
    const auto at = taken_.find(address);
    if (at == taken_.end() || at->second != 0) return;
    --used_;
    if (until <= 0) {
        taken_.erase(at);
        return;
    }
    at->second = until;
    cooling_.emplace(std::ranges::upper_bound(cooling_, until, {}, [](const auto& entry) { return entry.first; }),
                     until, address);
}

void Pool::restore_cooling(const IpAddr& address, std::int64_t until) {
    if (until <= 0 || !range_.contains(address) || taken_.contains(address)) return;
    taken_.emplace(address, 0);
    ++used_;
    release(address, until);
}

void Pool::begin_after(const IpAddr& address) {
    if (range_.contains(address) && address <= last_) next_ = std::max(next_, address.plus(1));
}

bool Pool::is_used(const IpAddr& address) const {
    const auto at = taken_.find(address);
    return at != taken_.end() && at->second == 0;
}

PoolCounts Pool::counts(std::int64_t now) {
    forget_cooled(now);
    PoolCounts out{size_, used_, taken_.size() - used_, 0};
    out.free = size_ == UINT64_MAX ? size_ : size_ - std::min(size_, out.used + out.cooling);
    return out;
}

}  // namespace weft::ipam
