// A small packet builder: Ethernet, IPv4 or IPv6, a transport header with right checksums, payload. Fields that a test
// wants to be wrong are changed in the bytes afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip_addr.hpp"

namespace weft::test {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kTcp = 6, kUdp = 17, kIcmp = 1, kIcmp6 = 58, kSctp = 132;
constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

struct PacketSpec {
    std::string source, destination;
    std::uint8_t protocol = kTcp;
    std::uint16_t source_port = 40000,
                  destination_port =
                      80;  // ICMP: type in the high, code in the low byte of destination_port; id in source_port
    std::uint8_t tcp_flags = kAck;
    std::uint8_t ttl = 64, tos = 0;
    std::string payload = "weft";
    std::uint16_t fragment =
        0;  // IPv4 flags and offset field; IPv6: a fragment header with this offset-and-flags field if not 0
    std::uint32_t fragment_id = 7;
    int extension_headers = 0;   // IPv6: destination options headers in front
    std::uint32_t sequence = 1;  // TCP
    Bytes body = {};             // instead of transport header and payload (ICMP errors' inner packets, odd protocols)
};

Bytes build(const PacketSpec& spec);
// The same connection's packet in the other direction.
PacketSpec answer(PacketSpec spec);
// An ICMP or ICMPv6 error that carries the beginning of `inner` (a frame as build() makes it).
Bytes build_icmp_error(const std::string& source, const std::string& destination, std::uint8_t type, std::uint8_t code,
                       const Bytes& inner);

// What is in a frame, with whether all its checksums are right.
struct Parsed {
    std::string source, destination, mac_source, mac_destination;
    std::uint8_t protocol = 0, ttl = 0;
    std::uint16_t source_port = 0, destination_port = 0;
    bool checksums = false;
};
Parsed parse(const Bytes& frame);

}  // namespace weft::test
