#include "tests/policy-cases/sctp.hpp"

#include <endian.h>

#include <cstring>

namespace weft::test {

namespace {

struct Header {
    std::uint16_t source_port, destination_port;
    std::uint32_t tag, checksum;
};

struct InitChunk {
    std::uint8_t type, flags;
    std::uint16_t length;
    std::uint32_t initiate_tag, window;
    std::uint16_t out_streams, in_streams;
    std::uint32_t first_tsn;
};

struct Cookie {  // an INIT ACK must carry one
    std::uint16_t type, length;
    std::uint32_t value;
};

struct Packet {
    Header header;
    InitChunk chunk;
    Cookie cookie;
};
static_assert(sizeof(Packet) == 40);

constexpr std::size_t kInitBytes = sizeof(Packet) - sizeof(Cookie);

// CRC-32C, reflected, as RFC 9260's appendix A has it.
std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
    std::uint32_t crc = ~0U;
    for (const auto byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0);
    }
    return ~crc;
}

std::uint32_t checksum_of(Packet packet, std::size_t size) {
    packet.header.checksum = 0;
    return htole32(crc32c({reinterpret_cast<const std::uint8_t*>(&packet), size}));
}

}  // namespace

std::string to_bytes(const SctpPacket& packet) {
    const std::size_t size = packet.chunk == kSctpInitAck ? sizeof(Packet) : kInitBytes;
    Packet out{};
    out.header = {htobe16(packet.source_port), htobe16(packet.destination_port), htobe32(packet.tag), 0};
    out.chunk = {packet.chunk,
                 0,
                 htobe16(static_cast<std::uint16_t>(size - sizeof(Header))),
                 htobe32(packet.initiate_tag),
                 htobe32(65536),
                 htobe16(1),
                 htobe16(1),
                 htobe32(1)};
    out.cookie = {htobe16(7), htobe16(sizeof(Cookie)), 0};
    out.header.checksum = checksum_of(out, size);
    return {reinterpret_cast<const char*>(&out), size};
}

std::optional<SctpPacket> parse_sctp(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < kInitBytes || bytes.size() > sizeof(Packet)) return std::nullopt;
    Packet in{};
    std::memcpy(&in, bytes.data(), bytes.size());
    if (in.chunk.type != kSctpInit && in.chunk.type != kSctpInitAck) return std::nullopt;
    if (in.header.checksum != checksum_of(in, bytes.size())) return std::nullopt;
    return SctpPacket{be16toh(in.header.source_port), be16toh(in.header.destination_port), be32toh(in.header.tag),
                      in.chunk.type, be32toh(in.chunk.initiate_tag)};
}

}  // namespace weft::test
