// SHA256() of OpenSSL 3 starts the whole provider machinery, which takes longer than all of an ADD; the three plain
// functions below it are the same code without that.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "cni/names.hpp"

#include <openssl/sha.h>
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

}  // namespace

std::string host_ifname(std::string_view container_id, std::string_view ifname) {
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, container_id.data(), container_id.size());
    SHA256_Update(&context, "/", 1);
    SHA256_Update(&context, ifname.data(), ifname.size());
    SHA256_Final(digest.data(), &context);
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
