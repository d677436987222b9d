#include "tests/bpf/packet.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace weft::test {

namespace {

void put16(Bytes& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

std::uint16_t get16(const Bytes& in, std::size_t at) {
    return static_cast<std::uint16_t>(in.at(at) << 8 | in.at(at + 1));
}

std::uint32_t sum_of(const std::uint8_t* data, std::size_t size, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < size; i += 2)
        sum += static_cast<std::uint32_t>(data[i] << 8) + (i + 1 < size ? data[i + 1] : 0U);
    return sum;
}

std::uint16_t fold(std::uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

std::uint32_t pseudo_sum(const IpAddr& source, const IpAddr& destination, std::uint8_t protocol, std::size_t length) {
    const std::size_t from = source.is_v4() ? 12 : 0;
    std::uint32_t sum = sum_of(source.bytes().data() + from, 16 - from);
    sum = sum_of(destination.bytes().data() + from, 16 - from, sum);
    return sum + protocol + static_cast<std::uint32_t>(length);
}

// Offset of the checksum in a transport header, -1 for none.
int checksum_at(std::uint8_t protocol) {
    switch (protocol) {
        case kTcp:
            return 16;
        case kUdp:
            return 6;
        case kIcmp:
        case kIcmp6:
            return 2;
        default:
            return -1;
    }
}

Bytes transport(const PacketSpec& spec) {
    Bytes out;
    const bool icmp = spec.protocol == kIcmp || spec.protocol == kIcmp6;
    if (icmp) {
        put16(out, spec.destination_port);
        put16(out, 0);
        put16(out, spec.source_port);
        put16(out, 1);
    } else {
        put16(out, spec.source_port);
        put16(out, spec.destination_port);
    }
    if (spec.protocol == kTcp) {
        put16(out, static_cast<std::uint16_t>(spec.sequence >> 16));
        put16(out, static_cast<std::uint16_t>(spec.sequence));
        out.insert(out.end(), {0, 0, 0, 1, 0x50, spec.tcp_flags, 0xff, 0xff, 0, 0, 0, 0});
    } else if (spec.protocol == kUdp) {
        put16(out, static_cast<std::uint16_t>(8 + spec.payload.size()));
        put16(out, 0);
    } else if (spec.protocol == kSctp) {
        out.insert(out.end(), {0, 0, 0, 1, 0, 0, 0, 0});
    }
    out.insert(out.end(), spec.payload.begin(), spec.payload.end());
    return out;
}

void set_checksum(Bytes& l4, const PacketSpec& spec, const IpAddr& source, const IpAddr& destination) {
    const int at = checksum_at(spec.protocol);
    if (at < 0 || l4.size() < static_cast<std::size_t>(at) + 2) return;
    const std::uint32_t pseudo = spec.protocol == kIcmp ? 0 : pseudo_sum(source, destination, spec.protocol, l4.size());
    const std::uint16_t sum = fold(sum_of(l4.data(), l4.size(), pseudo));
    l4[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(sum >> 8);
    l4[static_cast<std::size_t>(at) + 1] = static_cast<std::uint8_t>(sum);
}

Bytes ethernet(bool v4) {
    Bytes out = {0x02, 0x77, 0x65, 0x66, 0x74, 0x01, 0x0a, 0, 0, 0, 0, 1};
    put16(out, v4 ? 0x0800 : 0x86dd);
    return out;
}

void append_ipv4(Bytes& out, const PacketSpec& spec, const IpAddr& source, const IpAddr& destination,
                 std::size_t length) {
    Bytes ip = {0x45, spec.tos};
    put16(ip, static_cast<std::uint16_t>(20 + length));
    put16(ip, static_cast<std::uint16_t>(spec.fragment_id));
    put16(ip, spec.fragment);
    ip.insert(ip.end(), {spec.ttl, spec.protocol, 0, 0});
    ip.insert(ip.end(), source.bytes().begin() + 12, source.bytes().end());
    ip.insert(ip.end(), destination.bytes().begin() + 12, destination.bytes().end());
    const std::uint16_t sum = fold(sum_of(ip.data(), ip.size()));
    ip[10] = static_cast<std::uint8_t>(sum >> 8);
    ip[11] = static_cast<std::uint8_t>(sum);
    out.insert(out.end(), ip.begin(), ip.end());
}

void append_ipv6(Bytes& out, const PacketSpec& spec, const IpAddr& source, const IpAddr& destination,
                 std::size_t length) {
    Bytes extensions;
    const std::uint8_t after_options = spec.fragment ? 44 : spec.protocol;
    for (int i = 0; i < spec.extension_headers; ++i) {
        const bool last = i + 1 == spec.extension_headers;
        extensions.insert(extensions.end(), {last ? after_options : std::uint8_t{60}, 0, 1, 4, 0, 0, 0, 0});
    }
    if (spec.fragment) {
        extensions.insert(extensions.end(), {spec.protocol, 0});
        put16(extensions, spec.fragment);
        put16(extensions, static_cast<std::uint16_t>(spec.fragment_id >> 16));
        put16(extensions, static_cast<std::uint16_t>(spec.fragment_id));
    }
    out.insert(out.end(),
               {static_cast<std::uint8_t>(0x60 | spec.tos >> 4), static_cast<std::uint8_t>(spec.tos << 4), 0, 0});
    put16(out, static_cast<std::uint16_t>(extensions.size() + length));
    out.push_back(spec.extension_headers ? 60 : after_options);
    out.push_back(spec.ttl);
    out.insert(out.end(), source.bytes().begin(), source.bytes().end());
    out.insert(out.end(), destination.bytes().begin(), destination.bytes().end());
    out.insert(out.end(), extensions.begin(), extensions.end());
}

}  // namespace

Bytes build(const PacketSpec& spec) {
    const IpAddr source = IpAddr::parse(spec.source).value(), destination = IpAddr::parse(spec.destination).value();
    Bytes l4 = spec.body.empty() ? transport(spec) : spec.body;
    set_checksum(l4, spec, source, destination);
    Bytes out = ethernet(source.is_v4());
    if (source.is_v4())
        append_ipv4(out, spec, source, destination, l4.size());
    else
        append_ipv6(out, spec, source, destination, l4.size());
    out.insert(out.end(), l4.begin(), l4.end());
    return out;
}

PacketSpec answer(PacketSpec spec) {
    std::swap(spec.source, spec.destination);
    if (spec.protocol == kIcmp)
        spec.destination_port = 0;
    else if (spec.protocol == kIcmp6)
        spec.destination_port = 129 << 8;
    else
        std::swap(spec.source_port, spec.destination_port);
    return spec;
}

Bytes build_icmp_error(const std::string& source, const std::string& destination, std::uint8_t type, std::uint8_t code,
                       const Bytes& inner) {
    const bool v4 = source.find(':') == std::string::npos;
    PacketSpec spec{.source = source, .destination = destination, .protocol = v4 ? kIcmp : kIcmp6};
    const std::size_t take = std::min(inner.size() - 14, std::size_t{v4 ? 28U : 48U});
    spec.body.resize(8 + take);
    spec.body[0] = type;
    spec.body[1] = code;
    std::copy_n(inner.begin() + 14, take, spec.body.begin() + 8);
    return build(spec);
}

Parsed parse(const Bytes& frame) {
    Parsed out;
    const auto mac = [&](std::size_t at) {
        return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", frame.at(at), frame.at(at + 1),
                           frame.at(at + 2), frame.at(at + 3), frame.at(at + 4), frame.at(at + 5));
    };
    out.mac_destination = mac(0);
    out.mac_source = mac(6);
    const bool v4 = get16(frame, 12) == 0x0800;
    const auto address = [&](std::size_t at) {
        std::array<std::uint8_t, 16> bytes{};
        if (v4) {
            std::uint32_t raw = 0;
            std::memcpy(&raw, &frame.at(at), 4);
            return IpAddr::from_v4(raw);
        }
        std::memcpy(bytes.data(), &frame.at(at), 16);
        return IpAddr::from_bytes(bytes);
    };
    const IpAddr source = address(v4 ? 26 : 22), destination = address(v4 ? 30 : 38);
    out.source = source.text();
    out.destination = destination.text();
    out.ttl = frame.at(v4 ? 22 : 21);
    out.protocol = frame.at(v4 ? 23 : 20);
    const std::size_t l4 = v4 ? 34 : 54;
    const bool icmp = out.protocol == kIcmp || out.protocol == kIcmp6;
    if (frame.size() >= l4 + 8) {
        out.source_port = get16(frame, icmp ? l4 + 4 : l4);
        out.destination_port = get16(frame, icmp ? l4 : l4 + 2);
    }
    const std::uint32_t pseudo =
        out.protocol == kIcmp ? 0 : pseudo_sum(source, destination, out.protocol, frame.size() - l4);
    const bool l4_good =
        checksum_at(out.protocol) < 0 || fold(sum_of(frame.data() + l4, frame.size() - l4, pseudo)) == 0;
    out.checksums = l4_good && (!v4 || fold(sum_of(frame.data() + 14, 20)) == 0);
    return out;
}

}  // namespace weft::test
