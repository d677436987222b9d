#include "hubble-lite/l4_json.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <span>

namespace weft::hubble {

namespace {

struct IcmpName {
    std::uint8_t type;
    std::string_view name;
};
constexpr IcmpName kIcmp4[] = {{0, "EchoReply"},   {3, "DestinationUnreachable"}, {4, "SourceQuench"}, {5, "Redirect"},
                               {8, "EchoRequest"}, {11, "TimeExceeded"}};
constexpr IcmpName kIcmp6[] = {{1, "DestinationUnreachable"}, {2, "PacketTooBig"},           {3, "TimeExceeded"},
                               {4, "ParameterProblem"},       {128, "EchoRequest"},          {129, "EchoReply"},
                               {135, "NeighborSolicitation"}, {136, "NeighborAdvertisement"}};

struct TcpFlag {
    std::uint8_t bit;
    std::string_view name;
};
constexpr TcpFlag kTcpFlags[] = {{0x01, "FIN"}, {0x02, "SYN"}, {0x04, "RST"}, {0x08, "PSH"},
                                 {0x10, "ACK"}, {0x20, "URG"}, {0x40, "ECE"}, {0x80, "CWR"}};
// Hubble's order of flags in the summary.
constexpr TcpFlag kSummaryFlags[] = {{0x02, "SYN"}, {0x10, "ACK"}, {0x04, "RST"}, {0x01, "FIN"},
                                     {0x08, "PSH"}, {0x20, "URG"}, {0x40, "ECE"}, {0x80, "CWR"}};

void write_ports(JsonWriter& json, std::string_view protocol, const weft_event& event, bool tcp) {
    json.key("l4").begin_object().key(protocol).begin_object();
    json.field("source_port", ntohs(event.source_port));
    json.field("destination_port", ntohs(event.destination_port));
    if (tcp && event.tcp_flags != 0) {
        json.key("flags").begin_object();
        for (const auto& flag : kTcpFlags)
            if ((event.tcp_flags & flag.bit) != 0) json.key(flag.name).boolean(true);
        json.end_object();
    }
    json.end_object().end_object();
}

void write_icmp(JsonWriter& json, std::string_view protocol, const weft_event& event) {
    json.key("l4").begin_object().key(protocol).begin_object();
    json.field("type", ntohs(event.source_port));
    json.field("code", ntohs(event.destination_port));
    json.end_object().end_object();
}

std::string icmp_summary(std::string_view family, std::span<const IcmpName> names, const weft_event& event) {
    const auto type = ntohs(event.source_port), code = ntohs(event.destination_port);
    for (const auto& row : names)
        if (row.type == type)
            return code == 0 ? fmt::format("{} {}", family, row.name)
                             : fmt::format("{} {}({})", family, row.name, code);
    return fmt::format("{} {}({})", family, type, code);
}

}  // namespace

void write_l4(JsonWriter& json, const weft_event& event) {
    switch (event.protocol) {
        case IPPROTO_TCP:
            return write_ports(json, "TCP", event, true);
        case IPPROTO_UDP:
            return write_ports(json, "UDP", event, false);
        case IPPROTO_SCTP:
            return write_ports(json, "SCTP", event, false);
        case IPPROTO_ICMP:
            return write_icmp(json, "ICMPv4", event);
        case IPPROTO_ICMPV6:
            return write_icmp(json, "ICMPv6", event);
        default:
            return;
    }
}

std::string summary(const weft_event& event) {
    switch (event.protocol) {
        case IPPROTO_TCP: {
            std::string out = "TCP Flags: ";
            const std::size_t start = out.size();
            for (const auto& flag : kSummaryFlags)
                if ((event.tcp_flags & flag.bit) != 0) out.append(out.size() == start ? "" : ", ").append(flag.name);
            return event.tcp_flags == 0 ? "TCP" : out;
        }
        case IPPROTO_UDP:
            return "UDP";
        case IPPROTO_SCTP:
            return "SCTP";
        case IPPROTO_ICMP:
            return icmp_summary("ICMPv4", kIcmp4, event);
        case IPPROTO_ICMPV6:
            return icmp_summary("ICMPv6", kIcmp6, event);
        default:
            return fmt::format("IP protocol {}", event.protocol);
    }
}

}  // namespace weft::hubble
