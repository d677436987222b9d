// Every way in which an event can be wrong is refused and told apart.
#include "hubble-lite/decode.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <set>

#include "datapath/abi/dns.h"
#include "sample.hpp"

namespace weft::hubble::test {
namespace {

TEST(decode, good_event_comes_out_as_it_went_in) {
    const weft_event event = sample_event();
    const Decoded out = decode(bytes_of(event));
    ASSERT_FALSE(out.error);
    EXPECT_EQ(bytes_of(out.event), bytes_of(event));
}

TEST(decode, every_shorter_event_is_truncated) {
    const auto bytes = bytes_of(sample_event());
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_EQ(decode({bytes.data(), size}).error, DecodeError::kTruncated) << size;
}

TEST(decode, wrong_fields_are_refused) {
    struct Case {
        const char* what;
        std::function<void(weft_event&)> change;
        DecodeError error;
    };
    const Case cases[] = {
        {"version 0", [](weft_event& e) { e.header.version = 0; }, DecodeError::kVersion},
        {"version of tomorrow", [](weft_event& e) { e.header.version = WEFT_EVENT_VERSION + 1; },
         DecodeError::kVersion},
        {"type 0", [](weft_event& e) { e.header.type = 0; }, DecodeError::kType},
        {"unknown type", [](weft_event& e) { e.header.type = WEFT_EVENT_LAST + 1; }, DecodeError::kType},
        {"length 0", [](weft_event& e) { e.header.length = 0; }, DecodeError::kLength},
        {"too short", [](weft_event& e) { e.header.length = sizeof e - 1; }, DecodeError::kLength},
        {"too long", [](weft_event& e) { e.header.length = sizeof e + 8; }, DecodeError::kLength},
        {"hook", [](weft_event& e) { e.hook = WEFT_HOOK_COUNT; }, DecodeError::kField},
        {"direction", [](weft_event& e) { e.direction = 2; }, DecodeError::kField},
        {"reason of a forwarded packet", [](weft_event& e) { e.reason = WEFT_DROP_POLICY_DENY; }, DecodeError::kField},
        {"drop without reason", [](weft_event& e) { e.header.type = WEFT_EVENT_DROP; }, DecodeError::kField},
        {"audited drop",
         [](weft_event& e) {
             e.header.type = WEFT_EVENT_DROP, e.reason = WEFT_DROP_POLICY_DENY, e.flags = WEFT_EVENT_AUDITED;
         },
         DecodeError::kField},
        {"audit reason without an audit", [](weft_event& e) { e.audit_reason = WEFT_DROP_POLICY_DENY; },
         DecodeError::kField},
        {"unknown audit reason",
         [](weft_event& e) { e.flags = WEFT_EVENT_AUDITED, e.audit_reason = WEFT_DROP_REASON_COUNT; },
         DecodeError::kField},
        {"audit direction", [](weft_event& e) { e.audit_direction = 2; }, DecodeError::kField},
        {"unknown reason", [](weft_event& e) { e.header.type = WEFT_EVENT_DROP, e.reason = WEFT_DROP_REASON_COUNT; },
         DecodeError::kField},
    };
    std::set<DecodeError> seen{DecodeError::kTruncated};
    for (const auto& row : cases) {
        weft_event event = sample_event();
        row.change(event);
        EXPECT_EQ(decode(bytes_of(event)).error, row.error) << row.what;
        seen.insert(row.error);
    }
    EXPECT_EQ(seen.size(), kDecodeErrors);
}

weft_dns_event dns_event(std::string_view name) {
    weft_dns_event out{};
    out.flow = sample_event();
    out.flow.header.type = WEFT_EVENT_DNS;
    out.flow.header.length = sizeof out;
    out.name_length = static_cast<std::uint32_t>(name.size());
    std::memcpy(out.name, name.data(), std::min(name.size(), sizeof out.name));
    return out;
}

Decoded decode_dns_event(const weft_dns_event& event, std::size_t size = sizeof event) {
    return decode({reinterpret_cast<const std::byte*>(&event), size});
}

TEST(decode, dns_names_are_spelled_out) {
    using namespace std::string_view_literals;
    const struct {
        std::string_view wire, text;  // empty: refused
    } cases[] = {
        {"\3www\7example\3com\0"sv, "www.example.com."},
        {"\0"sv, "."},
        {"\5a.b\\\1\0"sv, "a\\.b\\\\\\001."},
        {""sv, ""},
        {"\3www\0"sv.substr(0, 4), ""},
        {"\3www"sv, ""},
        {"\0\0"sv, ""},
        {"\xff"sv, ""},
    };
    for (const auto& [wire, text] : cases) {
        const auto out = decode_dns_event(dns_event(wire));
        EXPECT_EQ(out.error.has_value(), text.empty()) << text;
        if (out.error)
            EXPECT_EQ(out.error, DecodeError::kField);
        else
            EXPECT_EQ(out.dns->query, text);
    }
}

TEST(decode, dns_lengths_are_checked) {
    auto event = dns_event({"\1a\0", 3});
    EXPECT_EQ(decode_dns_event(event, sizeof event - 1).error, DecodeError::kTruncated);
    event.name_length = 0xffffffff;
    EXPECT_EQ(decode_dns_event(event).error, DecodeError::kField);
    event = dns_event({"\1a\0", 3});
    event.addresses = 255;
    EXPECT_EQ(decode_dns_event(event).dns->addresses.size(), std::size_t{WEFT_DNS_EVENT_ADDRESSES});
    event.flow.header.length = sizeof(weft_event);
    EXPECT_EQ(decode_dns_event(event).error, DecodeError::kLength);
}

TEST(decode, drop_reasons_are_complete_and_distinct) {
    std::set<std::string_view> names;
    for (std::uint32_t code = 1; code < WEFT_DROP_REASON_COUNT; ++code) {
        const DropReason* reason = drop_reason(code);
        ASSERT_NE(reason, nullptr) << code;
        names.insert(reason->name);
        EXPECT_FALSE(decode(bytes_of(dropped_event(static_cast<std::uint8_t>(code)))).error) << code;
    }
    EXPECT_EQ(names.size(), drop_reasons().size());
    EXPECT_EQ(drop_reasons().size(), std::size_t{WEFT_DROP_REASON_COUNT} - 1);
    EXPECT_EQ(drop_reason(0), nullptr);
}

TEST(decode, every_hook_and_event_has_a_name) {
    for (std::uint8_t hook = 0; hook < WEFT_HOOK_COUNT; ++hook)
        EXPECT_FALSE(hook_name(hook).empty() || hook_name(hook) == "unknown");
    for (std::uint8_t type = WEFT_EVENT_NEW; type <= WEFT_EVENT_LAST; ++type) EXPECT_NE(event_name(type), "unknown");
}

}  // namespace
}  // namespace weft::hubble::test
