// IP addresses and prefixes of both families as values.
//
// An IpAddr holds 16 bytes in network order; IPv4 is kept IPv4-mapped (::ffff:a.b.c.d), the form that the datapath's
// events and slow path use too (datapath/abi). Ordered: all IPv4 before all IPv6, then by bytes.
#pragma once

#include <endian.h>

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "common/result.hpp"

namespace weft {

class IpAddr {
  public:
    IpAddr() = default;  // "::"

    // Strict: inet_pton forms only, no zone, no leading zeros. Error kInvalid. An IPv4-mapped IPv6 text is refused.
    static Result<IpAddr> parse(std::string_view text);
    static IpAddr from_v4(std::uint32_t network_order);
    static IpAddr from_bytes(const std::uint8_t (&bytes)[16]);
    static IpAddr from_bytes(const std::array<std::uint8_t, 16>& bytes);

    bool is_v4() const { return upper() == 0 && lower() >> 32 == 0xffff; }
    std::uint32_t v4() const;  // network order; only for is_v4()
    const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    std::string text() const;
    int bits() const { return is_v4() ? 32 : 128; }
    // The address `offset` after this one within its family; wraps within the family.
    IpAddr plus(std::uint64_t offset) const;

    // Its halves as numbers: what orders addresses of one family. For maps of 100,000 addresses.
    std::uint64_t upper() const { return number_at(0); }
    std::uint64_t lower() const { return number_at(8); }

    friend bool operator==(const IpAddr& a, const IpAddr& b) {
        return a.upper() == b.upper() && a.lower() == b.lower();
    }
    friend std::strong_ordering operator<=>(const IpAddr& a, const IpAddr& b) {
        if (a.is_v4() != b.is_v4()) return a.is_v4() ? std::strong_ordering::less : std::strong_ordering::greater;
        if (const auto order = a.upper() <=> b.upper(); order != 0) return order;
        return a.lower() <=> b.lower();
    }

  private:
    std::uint64_t number_at(std::size_t byte) const {
        std::uint64_t number = 0;
        std::memcpy(&number, bytes_.data() + byte, sizeof number);
        return be64toh(number);
    }
    std::array<std::uint8_t, 16> bytes_{};
};

// A prefix in canonical form: host bits are zero. `length` counts the family's own bits (0..32 or 0..128).
struct Cidr {
    IpAddr address;
    int length = 0;

    // "10.0.0.0/8". Host bits are cleared unless `strict`, which refuses them. A bare address is a full-length prefix.
    static Result<Cidr> parse(std::string_view text, bool strict = false);
    static Cidr of(const IpAddr& address, int length);

    bool contains(const IpAddr& ip) const;
    bool contains(const Cidr& other) const;
    std::string text() const;

    friend bool operator==(const Cidr&, const Cidr&) = default;
    friend auto operator<=>(const Cidr&, const Cidr&) = default;
};

}  // namespace weft

template <>
struct std::hash<weft::IpAddr> {
    std::size_t operator()(const weft::IpAddr& ip) const noexcept {
        // Neighbouring addresses differ in the last bits: a multiplication spreads them (by 2^64 over the golden
        // ratio).
        constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;
        const std::uint64_t mixed = (ip.upper() * kSpread ^ ip.lower()) * kSpread;
        return mixed ^ mixed >> 32;
    }
};
