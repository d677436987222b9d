#include "hubble-lite/decode_dns.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "datapath/abi/dns.h"

namespace weft::hubble {

namespace {

void append_byte(std::string& out, std::uint8_t byte) {
    if (byte == '.' || byte == '\\')
        out.append(1, '\\').append(1, static_cast<char>(byte));
    else if (byte > ' ' && byte < 0x7f)
        out.append(1, static_cast<char>(byte));
    else
        out += fmt::format("\\{:03}", byte);
}

// Labels behind their lengths, with the zero at the end; nothing if they are no such thing.
std::optional<std::string> name_text(std::span<const std::uint8_t> name) {
    std::string out;
    std::size_t at = 0;
    while (at < name.size() && name[at] != 0) {
        const std::size_t end = at + 1 + name[at];
        if (end >= name.size()) return std::nullopt;
        for (++at; at < end; ++at) append_byte(out, name[at]);
        out += '.';
    }
    if (at + 1 != name.size()) return std::nullopt;
    return out.empty() ? "." : out;
}

}  // namespace

std::shared_ptr<const DnsMessage> decode_dns(std::span<const std::byte> bytes) {
    weft_dns_event event{};
    std::memcpy(&event, bytes.data(), sizeof event);
    if (event.name_length == 0 || event.name_length > sizeof event.name) return nullptr;
    auto query = name_text({event.name, event.name_length});
    if (!query) return nullptr;
    auto out = std::make_shared<DnsMessage>();
    out->query = std::move(*query);
    out->type = ntohs(event.type);
    out->answer = (event.flow.flags & WEFT_EVENT_REPLY) != 0;
    out->rcode = event.rcode;
    out->ttl = event.ttl;
    out->latency_ns = event.latency_ns;
    out->all_addresses = event.addresses;
    out->matched = event.class_id != 0;
    const std::size_t count = std::min<std::size_t>(event.addresses, WEFT_DNS_EVENT_ADDRESSES);
    for (std::size_t i = 0; i < count; ++i) out->addresses.push_back(IpAddr::from_bytes(event.address[i].b));
    return out;
}

}  // namespace weft::hubble
