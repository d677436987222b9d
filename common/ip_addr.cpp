#include "common/ip_addr.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace weft {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Position of the first bit of the family's own address within the 16 bytes.
int first_bit(const IpAddr& ip) {
    return 128 - ip.bits();
}

std::array<std::uint8_t, 16> masked(const std::array<std::uint8_t, 16>& bytes, int bits) {
    std::array<std::uint8_t, 16> out{};
    const int whole = bits / 8;
    std::memcpy(out.data(), bytes.data(), static_cast<std::size_t>(whole));
    if (bits % 8 != 0) {
        const auto at = static_cast<std::size_t>(whole);
        out[at] = static_cast<std::uint8_t>(bytes[at] & (0xff << (8 - bits % 8)));
    }
    return out;
}

}  // namespace

Result<IpAddr> IpAddr::parse(std::string_view text) {
    const std::string copy(text);
    if (copy.size() == text.size() && copy.find('\0') == std::string::npos) {
        in_addr v4{};
        if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return from_v4(v4.s_addr);
        IpAddr v6;
        if (inet_pton(AF_INET6, copy.c_str(), v6.bytes_.data()) == 1 && !v6.is_v4()) return v6;
    }
    return fail(ErrorCode::kInvalid, "'{}' is not an IPv4 or IPv6 address", text.substr(0, 64));
}

IpAddr IpAddr::from_v4(std::uint32_t network_order) {
    IpAddr ip;
    std::memcpy(ip.bytes_.data(), kMappedPrefix.data(), kMappedPrefix.size());
    std::memcpy(ip.bytes_.data() + 12, &network_order, 4);
    return ip;
}

IpAddr IpAddr::from_bytes(const std::uint8_t (&bytes)[16]) {
    IpAddr ip;
    std::memcpy(ip.bytes_.data(), bytes, 16);
    return ip;
}

IpAddr IpAddr::from_bytes(const std::array<std::uint8_t, 16>& bytes) {
    IpAddr ip;
    ip.bytes_ = bytes;
    return ip;
}

std::uint32_t IpAddr::v4() const {
    std::uint32_t out = 0;
    std::memcpy(&out, bytes_.data() + 12, 4);
    return out;
}

std::string IpAddr::text() const {
    char buffer[INET6_ADDRSTRLEN] = {};
    const void* source = is_v4() ? bytes_.data() + 12 : bytes_.data();
    inet_ntop(is_v4() ? AF_INET : AF_INET6, source, buffer, sizeof buffer);
    return buffer;
}

IpAddr IpAddr::plus(std::uint64_t offset) const {
    IpAddr out = *this;
    std::uint64_t carry = offset;
    for (int i = 15; i >= first_bit(*this) / 8 && carry != 0; --i) {
        const auto at = static_cast<std::size_t>(i);
        const std::uint64_t sum = out.bytes_[at] + (carry & 0xff);
        out.bytes_[at] = static_cast<std::uint8_t>(sum);
        carry = (carry >> 8) + (sum >> 8);
    }
    return out;
}

Result<Cidr> Cidr::parse(std::string_view text, bool strict) {
    const auto slash = text.find('/');
    WEFT_TRY(address, IpAddr::parse(text.substr(0, slash)));
    if (slash == std::string_view::npos) return Cidr{address, address.bits()};
    const auto digits = text.substr(slash + 1);
    int length = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    const bool plain = !digits.empty() && digits.size() <= 3 && digits[0] >= '0' && digits[0] <= '9' &&
                       (digits.size() == 1 || digits[0] != '0');
    if (!plain || error != std::errc{} || end != digits.data() + digits.size() || length > address.bits())
        return fail(ErrorCode::kInvalid, "'{}' is not a prefix: the length must be 0 to {}", text.substr(0, 64),
                    address.bits());
    const Cidr out = of(address, length);
    if (strict && out.address != address)
        return fail(ErrorCode::kInvalid, "'{}' has host bits set; the prefix is {}", text, out.text());
    return out;
}

Cidr Cidr::of(const IpAddr& address, int length) {
    return {IpAddr::from_bytes(masked(address.bytes(), first_bit(address) + length)), length};
}

bool Cidr::contains(const IpAddr& ip) const {
    return ip.is_v4() == address.is_v4() && of(ip, length).address == address;
}

bool Cidr::contains(const Cidr& other) const {
    return other.length >= length && contains(other.address);
}

std::string Cidr::text() const {
    return fmt::format("{}/{}", address.text(), length);
}

}  // namespace weft
