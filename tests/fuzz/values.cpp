// Any text as an address, a prefix, a name; as JSON a set of labels and a selector: refused, or a value whose text
// means the same.
#include "common/ip_addr.hpp"
#include "policy/names.hpp"
#include "policy/selector.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

void read_addresses(std::string_view text) {
    if (const auto ip = IpAddr::parse(text)) {
        require(IpAddr::parse(ip->text()) == *ip, "an address's text means the same address");
        require(Cidr::parse(text) == Cidr::of(*ip, ip->bits()), "an address alone is a prefix of full length");
    }
    const auto prefix = Cidr::parse(text);
    if (!prefix) return;
    require(Cidr::parse(prefix->text(), true) == *prefix, "a prefix's text is canonical");
    require(prefix->contains(prefix->address) && prefix->contains(*prefix), "a prefix contains itself");
}

void read_names(std::string_view text) {
    require(!policy::dns_label_problem(text).empty() || policy::dns_subdomain_problem(text).empty(),
            "a DNS label is a subdomain");
    require(!policy::dns_subdomain_problem(text).empty() || !text.contains('/'), "a name makes no path");
    static_cast<void>(policy::port_name_problem(text));
    const auto slash = text.find('/');
    require(!policy::label_key_problem(text).empty() || slash == std::string_view::npos ||
                policy::dns_subdomain_problem(text.substr(0, slash)).empty(),
            "a label key's prefix is a subdomain");
}

void read_selector(std::string_view text) {
    const auto json = parse_json(text, {.bytes = 1U << 14, .depth = 16});
    if (!json) return;
    const auto labels = policy::parse_labels(JsonView(*json));
    const auto selector = policy::LabelSelector::parse(JsonView(*json));
    if (!selector) return require(!selector.error().path.empty(), "a refusal names the place");
    require(policy::LabelSelector(selector->requirements()) == *selector, "a selector is in canonical form");
    const bool matches = selector->matches(labels ? *labels : policy::Labels{});
    require(!selector->empty() || matches, "the empty selector matches everything");
}

void read_values(Bytes input) {
    const auto text = text_of(input);
    read_addresses(text);
    read_names(text);
    read_selector(text);
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(values, weft::fuzz::read_values)
