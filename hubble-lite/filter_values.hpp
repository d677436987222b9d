// The values that filters compare with, parsed from text. Errors say what was expected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"
#include "hubble-lite/flow.hpp"

namespace weft::hubble {

std::string lower(std::string_view text);

// "80": 0 to 65535.
Result<std::uint16_t> parse_port(std::string_view text);

// "ns/pod-prefix", "pod-prefix" (any namespace), "ns/" (any pod), as Hubble's pod filters.
struct PodPattern {
    std::string name_space, prefix;
    bool matches(const Peer* peer) const;
};
Result<PodPattern> parse_pod(std::string_view text);

// A label selector: terms joined by commas, all must hold. "key", "!key", "key=value", "key==value", "key!=value",
// "key in (a,b)", "key notin (a,b)". A key without a source ("k8s:") matches any source.
class LabelSelector {
  public:
    static Result<LabelSelector> parse(std::string_view text);
    bool matches(const Peer* peer) const;

  private:
    struct Term {
        std::string key;
        bool negate = false;
        bool any_value = false;
        std::vector<std::string> values;
        bool holds(const std::vector<std::string>& labels) const;
    };
    static Result<Term> parse_term(std::string_view text);
    std::vector<Term> terms_;
};

// IP protocol numbers; "icmp" is both ICMPs.
Result<std::vector<std::uint8_t>> parse_protocol(std::string_view text);

}  // namespace weft::hubble
