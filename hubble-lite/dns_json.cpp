#include "hubble-lite/dns_json.hpp"

#include <fmt/format.h>

namespace weft::hubble {

namespace {

struct Name {
    std::uint16_t number;
    std::string_view name;
};

// IANA's registry of DNS parameters: the types that clients ask for.
constexpr Name kTypes[] = {{1, "A"},     {2, "NS"},     {5, "CNAME"}, {6, "SOA"},  {12, "PTR"},
                           {15, "MX"},   {16, "TXT"},   {28, "AAAA"}, {33, "SRV"}, {35, "NAPTR"},
                           {64, "SVCB"}, {65, "HTTPS"}, {255, "ANY"}};
constexpr Name kRcodes[] = {{0, "No Error"},        {1, "Format Error"},
                            {2, "Server Failure"},  {3, "Non-Existent Domain"},
                            {4, "Not Implemented"}, {5, "Query Refused"}};

template <std::size_t size>
std::string name_of(const Name (&names)[size], std::uint16_t number, std::string_view other) {
    for (const auto& row : names)
        if (row.number == number) return std::string(row.name);
    return fmt::format("{}{}", other, number);
}

std::string type_name(std::uint16_t type) {
    return name_of(kTypes, type, "TYPE");  // RFC 3597, 5
}

void write_types(JsonWriter& json, const DnsMessage& dns) {
    json.key("qtypes").begin_array().string(type_name(dns.type)).end_array();
    bool v4 = false, v6 = false;
    for (const auto& address : dns.addresses) (address.is_v4() ? v4 : v6) = true;
    if (!v4 && !v6) return;
    json.key("rrtypes").begin_array();
    if (v4) json.plain("A");
    if (v6) json.plain("AAAA");
    json.end_array();
}

}  // namespace

void write_l7(JsonWriter& json, const DnsMessage& dns) {
    json.key("l7").begin_object().key("type").plain(dns.answer ? "RESPONSE" : "REQUEST");
    if (dns.answer) json.key("latency_ns").plain(std::to_string(dns.latency_ns));
    json.key("dns").begin_object().key("query").string(dns.query);
    if (!dns.addresses.empty()) {
        json.key("ips").begin_array();
        for (const auto& address : dns.addresses) json.plain(address.text());
        json.end_array();
    }
    json.field("ttl", dns.ttl);
    json.field("rcode", dns.rcode);
    write_types(json, dns);
    json.end_object().end_object();
}

std::string summary(const DnsMessage& dns) {
    const std::string type = type_name(dns.type);
    if (!dns.answer) return fmt::format("DNS Query {} {}", dns.query, type);
    if (dns.rcode != 0)
        return fmt::format("DNS Answer RCode: {} ({} {})", name_of(kRcodes, dns.rcode, "RCode "), dns.query, type);
    std::string addresses;
    for (const auto& address : dns.addresses) addresses += (addresses.empty() ? "" : ",") + address.text();
    return fmt::format("DNS Answer \"{}\" TTL: {} ({} {})", addresses, dns.ttl, dns.query, type);
}

}  // namespace weft::hubble
