// IP addresses and prefixes of both families as values.
//
// An IpAddr holds 16 bytes in network order; IPv4 is kept IPv4-mapped (::ffff:a.b.c.d), the form that the datapath's
// events and slow path use too (datapath/abi). Ordered: all IPv4 before all IPv6, then by bytes.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
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

    bool is_v4() const;
    std::uint32_t v4() const;  // network order; only for is_v4()
    const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    std::string text() const;
    int bits() const { return is_v4() ? 32 : 128; }
    // The address `offset` after this one within its family; wraps within the family.
    IpAddr plus(std::uint64_t offset) const;

    friend bool operator==(const IpAddr&, const IpAddr&) = default;
    friend std::strong_ordering operator<=>(const IpAddr& a, const IpAddr& b);

  private:
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
        return std::hash<std::string_view>{}({reinterpret_cast<const char*>(ip.bytes().data()), 16});
    }
};
