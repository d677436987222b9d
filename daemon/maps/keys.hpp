// Addresses and prefixes to and from the keys of the kernel's maps.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "common/ip_addr.hpp"
#include "datapath/abi/endpoint.h"

namespace weft::maps {

inline weft_ip key6(const IpAddr& address) {
    weft_ip key{};
    std::memcpy(key.b, address.bytes().data(), sizeof key.b);
    return key;
}

inline IpAddr address_of(const weft_ip& key) {
    return IpAddr::from_bytes(key.b);
}

inline weft_cidr4_key cidr_key4(const Cidr& cidr) {
    return {static_cast<std::uint32_t>(cidr.length), cidr.address.v4()};
}

inline weft_cidr6_key cidr_key6(const Cidr& cidr) {
    return {static_cast<std::uint32_t>(cidr.length), key6(cidr.address)};
}

inline Cidr cidr_of(const weft_cidr4_key& key) {
    return {IpAddr::from_v4(key.address), static_cast<int>(key.prefix_length)};
}

inline Cidr cidr_of(const weft_cidr6_key& key) {
    return {address_of(key.address), static_cast<int>(key.prefix_length)};
}

}  // namespace weft::maps
