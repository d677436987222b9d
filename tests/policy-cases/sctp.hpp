// SCTP's first two packets (RFC 9260, 3.3.2 and 3.3.3) as bytes: this kernel has no SCTP sockets, so the probes carry
// them over raw ones.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace weft::test {

inline constexpr std::uint8_t kSctpInit = 1, kSctpInitAck = 2;

struct SctpPacket {
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint32_t tag = 0;   // INIT ACK: the initiate tag of the INIT that it answers
    std::uint8_t chunk = 0;  // type of the only chunk
    std::uint32_t initiate_tag = 0;
};

// With the right checksum.
std::string to_bytes(const SctpPacket& packet);
// None: not an INIT or INIT ACK with the right checksum.
std::optional<SctpPacket> parse_sctp(std::span<const std::uint8_t> bytes);

}  // namespace weft::test
