#include "tests/bpf/dns_message.hpp"

#include <stdexcept>

#include "common/ip_addr.hpp"

namespace weft::test {

namespace {

constexpr unsigned kHeader = 12;

std::string dns32(std::uint32_t value) {
    return dns16(value >> 16) + dns16(value & 0xffff);
}

}  // namespace

std::string dns16(unsigned value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string dns_name(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('.', at), text.size());
        out += static_cast<char>(end - at) + text.substr(at, end - at);
        at = end + 1;
    }
    return out + '\0';
}

std::string dns_pointer(unsigned offset) {
    return dns16(0xc000 | offset);
}

DnsRecord dns_address(const std::string& owner, const std::string& address, std::uint32_t ttl) {
    const auto ip = IpAddr::parse(address);
    if (!ip) throw std::runtime_error(address);
    const std::string bytes(reinterpret_cast<const char*>(ip->bytes().data()), 16);
    return {.owner = owner,
            .type = ip->is_v4() ? kTypeA : kTypeAaaa,
            .ttl = ttl,
            .data = ip->is_v4() ? bytes.substr(12) : bytes};
}

std::string DnsMessage::bytes() const {
    std::string out = dns16(id) + dns16(flags) + dns16(static_cast<unsigned>(questions)) +
                      dns16(records < 0 ? static_cast<unsigned>(answers.size()) : static_cast<unsigned>(records)) +
                      dns32(0) + name + dns16(type) + dns16(1);
    for (const auto& record : answers)
        out += record.owner + dns16(record.type) + dns16(record.in) + dns32(record.ttl) +
               dns16(record.length < 0 ? static_cast<unsigned>(record.data.size())
                                       : static_cast<unsigned>(record.length)) +
               record.data;
    return out + rest;
}

DnsMessage dns_answer(const DnsMessage& question, const std::vector<std::string>& addresses, std::uint32_t ttl) {
    DnsMessage out = question;
    out.flags = kDnsAnswer;
    for (const auto& address : addresses) out.answers.push_back(dns_address(dns_pointer(kHeader), address, ttl));
    return out;
}

}  // namespace weft::test
