#include "cni/net/objects.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstring>

namespace weft::cni {

namespace {

ErrorCode code_of(int nle) {
    switch (nle) {
        case NLE_EXIST:
            return ErrorCode::kExists;
        case NLE_NODEV:
        case NLE_OBJ_NOTFOUND:
            return ErrorCode::kNotFound;
        case NLE_PERM:
        case NLE_NOACCESS:
            return ErrorCode::kPermission;
        case NLE_NOMEM:
            return ErrorCode::kExhausted;
        default:
            return ErrorCode::kSystem;
    }
}

const std::uint8_t* raw_bytes(const IpAddr& ip) {
    return ip.bytes().data() + (ip.is_v4() ? 12 : 0);
}

}  // namespace

Result<void> checked(int code, std::string_view doing) {
    if (code >= 0) return {};
    return fail(code_of(-code), "{}: {}", doing, nl_geterror(code));
}

int family_of(const IpAddr& ip) {
    return ip.is_v4() ? AF_INET : AF_INET6;
}

NlAddress nl_mac(const std::string& mac) {
    nl_addr* out = nullptr;
    return NlAddress(nl_addr_parse(mac.c_str(), AF_LLC, &out) == 0 ? out : nullptr);
}

bool same(nl_addr* address, const IpAddr& ip) {
    return address != nullptr && nl_addr_get_family(address) == family_of(ip) &&
           nl_addr_get_len(address) == static_cast<unsigned>(ip.bits() / 8) &&
           std::memcmp(nl_addr_get_binary_addr(address), raw_bytes(ip), nl_addr_get_len(address)) == 0;
}

}  // namespace weft::cni
