// Reads DNS answers as plainly as can be: what the datapath's reading (datapath/bpf/lib/dns_message.h) is compared
// with.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/ip_addr.hpp"

namespace weft::fuzz {

struct DnsAsked {
    std::uint16_t id = 0, type = 0;
    std::string name;  // labels behind their lengths, in lower case, without the zero at the end
    bool answered = false;
};

// The addresses that a message gives to one of the questions, which is answered then.
std::set<IpAddr> read_dns_answer(std::span<const std::uint8_t> message, std::vector<DnsAsked>& questions);

}  // namespace weft::fuzz
