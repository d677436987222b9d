#include "cni/names.hpp"

// libmd: OpenSSL asks the processor for its features as soon as it is linked in, which costs an ADD 40 us.
#include <sha2.h>
#include <sys/random.h>

#include <array>
#include <cstdint>

namespace weft::cni {

namespace {

using Mac = std::array<std::uint8_t, 6>;

std::string mac_text(const Mac& mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

const std::uint8_t* bytes_of(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

std::string host_ifname(std::string_view container_id, std::string_view ifname) {
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, bytes_of(container_id), container_id.size());
    SHA256Update(&context, bytes_of("/"), 1);
    SHA256Update(&context, bytes_of(ifname), ifname.size());
    SHA256Final(digest.data(), &context);
    return fmt::format("weft{:02x}{:02x}{:02x}{:02x}{:02x}{:x}", digest[0], digest[1], digest[2], digest[3], digest[4],
                       digest[5] >> 4);
}

Result<std::string> random_mac() {
    Mac mac{};
    if (getrandom(mac.data(), mac.size(), 0) != static_cast<ssize_t>(mac.size())) return fail_errno("getrandom");
    mac[0] = static_cast<std::uint8_t>((mac[0] & 0xfc) | 0x02);
    return mac_text(mac);
}

Result<std::string> normal_mac(std::string_view text) {
    Mac mac{};
    bool well_formed = text.size() == 17;
    for (std::size_t i = 0; well_formed && i < mac.size(); ++i) {
        const int high = hex_digit(text[3 * i]);
        const int low = hex_digit(text[3 * i + 1]);
        well_formed = high >= 0 && low >= 0 && (i == 5 || text[3 * i + 2] == ':');
        mac[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    if (!well_formed)
        return fail(ErrorCode::kInvalid, "'{}' is not a MAC address of the form aa:bb:cc:dd:ee:ff", text.substr(0, 40));
    if ((mac[0] & 1) != 0 || mac == Mac{}) return fail(ErrorCode::kInvalid, "the MAC address {} is not unicast", text);
    return mac_text(mac);
}

}  // namespace weft::cni
