// What the parsers of the policy kinds have in common.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "policy/parse.hpp"

namespace weft::policy {

// A policy with longer lists is refused: each entry stands for compiled rows (the API server's limit is the object's
// size alone).
inline constexpr std::size_t kMaxListLength = 10'000;

// The elements of a list that may be absent or null.
Result<std::vector<JsonView>> list_of(const JsonView& object, std::string_view name, std::size_t most = kMaxListLength);

// "10.0.0.0/8".
Result<Cidr> parse_cidr(const JsonView& view);

// Of {start, end} as `first` and `last` are called in the object.
Result<PortMatch> parse_port_range(const JsonView& view, std::uint8_t protocol);
Result<std::uint16_t> parse_port_number(const JsonView& view);
Result<std::string> parse_port_name(const JsonView& view);

// The name of the one member that the object has. Error when it has none or several.
Result<std::pair<std::string, JsonView>> only_member(const JsonView& view, std::span<const std::string_view> known);

// The field is part of the specification, and cannot be enforced yet: refused, never passed over.
std::unexpected<Error> not_supported(const JsonView& view, std::string_view why);

// metadata of a policy; name (of `kind`) and weft's own annotations go into `out`. Others of weft.io are refused: they
// would be meant to change what it does.
Result<Metadata> parse_policy_metadata(const JsonView& object, Scope scope, std::string_view kind, Policy& out);

void sort_unique(std::vector<Cidr>& list);

// `object` with the two fields that an item of a typed list may lack.
Json complete(const Json& object, std::string_view api_version, std::string_view kind);

}  // namespace weft::policy
