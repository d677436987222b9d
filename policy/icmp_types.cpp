#include "policy/icmp_types.hpp"

#include <algorithm>
#include <charconv>

namespace weft::policy {

namespace {

// The names of Cilium's API (pkg/policy/api, ICMPField); the numbers are IANA's.
constexpr IcmpType kV4[] = {{"EchoReply", 0},
                            {"DestinationUnreachable", 3},
                            {"Redirect", 5},
                            {"Echo", 8},
                            {"EchoRequest", 8},
                            {"RouterAdvertisement", 9},
                            {"RouterSelection", 10},
                            {"TimeExceeded", 11},
                            {"ParameterProblem", 12},
                            {"Timestamp", 13},
                            {"TimestampReply", 14},
                            {"Photuris", 40},
                            {"ExtendedEchoRequest", 42},
                            {"ExtendedEchoReply", 43}};
constexpr IcmpType kV6[] = {{"DestinationUnreachable", 1},
                            {"PacketTooBig", 2},
                            {"TimeExceeded", 3},
                            {"ParameterProblem", 4},
                            {"EchoRequest", 128},
                            {"EchoReply", 129},
                            {"MulticastListenerQuery", 130},
                            {"MulticastListenerReport", 131},
                            {"MulticastListenerDone", 132},
                            {"RouterSolicitation", 133},
                            {"RouterAdvertisement", 134},
                            {"NeighborSolicitation", 135},
                            {"NeighborAdvertisement", 136},
                            {"RedirectMessage", 137},
                            {"RouterRenumbering", 138},
                            {"ICMPNodeInformationQuery", 139},
                            {"ICMPNodeInformationResponse", 140},
                            {"InverseNeighborDiscoverySolicitation", 141},
                            {"InverseNeighborDiscoveryAdvertisement", 142},
                            {"HomeAgentAddressDiscoveryRequest", 144},
                            {"HomeAgentAddressDiscoveryReply", 145},
                            {"MobilePrefixSolicitation", 146},
                            {"MobilePrefixAdvertisement", 147},
                            {"DuplicateAddressRequestCodeSuffix", 157},
                            {"DuplicateAddressConfirmationCodeSuffix", 158},
                            {"ExtendedEchoRequest", 160},
                            {"ExtendedEchoReply", 161}};

}  // namespace

std::span<const IcmpType> icmp_types(std::uint8_t protocol) {
    if (protocol == kIcmpv6) return kV6;
    return kV4;
}

std::optional<std::uint8_t> icmp_type_of(std::string_view text, std::uint8_t protocol) {
    std::uint8_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size()) return number;
    const auto types = icmp_types(protocol);
    const auto at = std::ranges::find(types, text, &IcmpType::name);
    return at == types.end() ? std::nullopt : std::optional(at->number);
}

Result<std::uint8_t> parse_icmp_type(const JsonView& view, std::uint8_t protocol) {
    if (!view.raw().is_string()) {
        WEFT_TRY(number, view.integer(0, 255));
        return static_cast<std::uint8_t>(number);
    }
    WEFT_TRY(text, view.string());
    if (const auto type = icmp_type_of(text, protocol)) return *type;
    std::vector<std::string_view> names;
    for (const auto& type : icmp_types(protocol)) names.push_back(type.name);
    return view.error(fmt::format("'{}' is no type of {}: use 0 to 255 or a name such as EchoRequest{}",
                                  text.substr(0, 64), protocol == kIcmpv6 ? "ICMPv6" : "ICMP",
                                  did_you_mean(text, names)));
}

bool opens_connections(std::uint8_t protocol, std::uint8_t type) {
    if (protocol == kIcmp) return type != 3 && type != 4 && type != 5 && type != 11 && type != 12;
    return type >= 128 && !(type >= 130 && type <= 137) && type != 143;
}

}  // namespace weft::policy
