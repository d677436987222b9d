// DNS messages as bytes: right ones, and the parts to make wrong ones of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::test {

constexpr std::uint16_t kTypeA = 1, kTypeCname = 5, kTypeTxt = 16, kTypeAaaa = 28;

std::string dns16(unsigned value);
std::string dns_name(const std::string& text);  // "www.example.com" as labels
std::string dns_pointer(unsigned offset);

struct DnsRecord {
    std::string owner;  // bytes
    std::uint16_t type = kTypeA;
    std::uint32_t ttl = 300;
    std::string data;  // bytes
    std::uint16_t in = 1;
    int length = -1;  // that it says; -1: of `data`
};
DnsRecord dns_address(const std::string& owner, const std::string& address, std::uint32_t ttl = 300);

struct DnsMessage {
    std::uint16_t id = 7;
    std::uint16_t flags = 0x0100;  // of a question; kDnsAnswer of an answer
    std::string name;              // of the question, bytes
    std::uint16_t type = kTypeA;
    std::vector<DnsRecord> answers = {};
    int questions = 1, records = -1;  // that it says; -1: as many as there are
    std::string rest = {};            // behind the answers
    std::string bytes() const;
};
constexpr std::uint16_t kDnsAnswer = 0x8180;

// What every resolver would answer: addresses of the question's name, which is pointed to.
DnsMessage dns_answer(const DnsMessage& question, const std::vector<std::string>& addresses, std::uint32_t ttl = 300);

}  // namespace weft::test
