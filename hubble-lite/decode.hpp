// From the ring buffer's bytes to an event that the rest can trust.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hubble-lite/flow.hpp"

namespace weft::hubble {

enum class DecodeError : std::uint8_t { kTruncated, kVersion, kType, kLength, kField };
inline constexpr std::size_t kDecodeErrors = 5;
std::string_view to_string(DecodeError error);

struct Decoded {
    std::optional<DecodeError> error;  // none: `event` is good
    weft_event event{};
    std::shared_ptr<const DnsMessage> dns;  // of WEFT_EVENT_DNS
};

// Checks the header, then the fields that index a table (hook, direction, reason), then of DNS the message. An event
// that is longer than this build's is one of a newer version with the same number only by a mistake, and is refused as
// kLength.
Decoded decode(std::span<const std::byte> bytes);

// Adds what turns CLOCK_MONOTONIC into time since 1970; 0 if the clocks cannot be read.
std::int64_t monotonic_offset_ns();

}  // namespace weft::hubble
