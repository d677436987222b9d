// The part of a DNS event that is not of its flow.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "hubble-lite/flow.hpp"

namespace weft::hubble {

// `bytes`: at least a weft_dns_event. Null: the name is none.
std::shared_ptr<const DnsMessage> decode_dns(std::span<const std::byte> bytes);

}  // namespace weft::hubble
