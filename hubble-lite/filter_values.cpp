#include "hubble-lite/filter_values.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>

namespace weft::hubble {

namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

// Splits at commas that stand in no parentheses.
std::vector<std::string_view> split_terms(std::string_view text) {
    std::vector<std::string_view> out;
    std::size_t start = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] == '(') ++depth;
        if (i < text.size() && text[i] == ')') --depth;
        if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
        out.push_back(trim(text.substr(start, i - start)));
        start = i + 1;
    }
    return out;
}

bool is_label_text(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 || std::string_view("-_./:").contains(static_cast<char>(c));
    });
}

// The label's key without its source, unless `key` names a source itself.
bool key_is(std::string_view label_key, std::string_view key) {
    if (label_key == key) return true;
    const auto colon = label_key.find(':');
    return colon != std::string_view::npos && key.find(':') == std::string_view::npos &&
           label_key.substr(colon + 1) == key;
}

}  // namespace

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

Result<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size())
        return fail(ErrorCode::kInvalid, "'{}' is not a port: expected 0 to 65535", text);
    return port;
}

Result<PodPattern> parse_pod(std::string_view text) {
    const auto slash = text.find('/');
    PodPattern out;
    if (slash != std::string_view::npos) out.name_space = text.substr(0, slash);
    out.prefix = slash == std::string_view::npos ? text : text.substr(slash + 1);
    if ((out.name_space.empty() && out.prefix.empty()) || out.prefix.contains('/'))
        return fail(ErrorCode::kInvalid,
                    "'{}' is not a pod: expected NAME, NAMESPACE/NAME or NAMESPACE/ (names may be prefixes)", text);
    return out;
}

bool PodPattern::matches(const Peer* peer) const {
    if (peer == nullptr || (peer->pod.empty() && !prefix.empty())) return false;
    return (name_space.empty() || peer->pod_namespace == name_space) && peer->pod.starts_with(prefix);
}

Result<LabelSelector::Term> LabelSelector::parse_term(std::string_view text) {
    Term term;
    const auto bad = [&] {
        return fail(
            ErrorCode::kInvalid,
            "'{}' is not a label term: expected key, !key, key=value, key!=value, key in (a,b) or key notin (a,b)",
            text);
    };
    std::string_view key, values;
    const auto open = text.find('(');
    if (open != std::string_view::npos) {
        std::string_view head = trim(text.substr(0, open));
        if (!text.ends_with(')') || text.find('(', open + 1) != std::string_view::npos) return bad();
        term.negate = head.ends_with(" notin");
        if (!term.negate && !head.ends_with(" in")) return bad();
        key = trim(head.substr(0, head.rfind(' ')));
        for (const auto value : split_terms(text.substr(open + 1, text.size() - open - 2)))
            term.values.emplace_back(value);
    } else if (const auto equals = text.find('='); equals != std::string_view::npos) {
        term.negate = equals > 0 && text[equals - 1] == '!';
        key = trim(text.substr(0, equals - (term.negate ? 1 : 0)));
        values = text.substr(equals + 1);
        if (!term.negate && values.starts_with('=')) values.remove_prefix(1);
        term.values.emplace_back(trim(values));
    } else {
        term.any_value = true;
        term.negate = text.starts_with('!');
        key = trim(text.substr(term.negate ? 1 : 0));
    }
    if (key.empty() || !is_label_text(key) || !std::ranges::all_of(term.values, is_label_text)) return bad();
    term.key = key;
    return term;
}

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
    LabelSelector out;
    for (const auto part : split_terms(text)) {
        WEFT_TRY(term, parse_term(part));
        out.terms_.push_back(std::move(term));
    }
    return out;
}

bool LabelSelector::Term::holds(const std::vector<std::string>& labels) const {
    for (const std::string_view label : labels) {
        const auto equals = label.find('=');
        if (!key_is(label.substr(0, equals), key)) continue;
        const auto value = equals == std::string_view::npos ? std::string_view{} : label.substr(equals + 1);
        if (any_value || std::ranges::find(values, value) != values.end()) return !negate;
    }
    return negate;
}

bool LabelSelector::matches(const Peer* peer) const {
    if (peer == nullptr) return false;
    return std::ranges::all_of(terms_, [&](const Term& term) { return term.holds(peer->labels); });
}

Result<std::vector<std::uint8_t>> parse_protocol(std::string_view text) {
    const std::string name = lower(text);
    if (name == "tcp") return std::vector<std::uint8_t>{IPPROTO_TCP};
    if (name == "udp") return std::vector<std::uint8_t>{IPPROTO_UDP};
    if (name == "sctp") return std::vector<std::uint8_t>{IPPROTO_SCTP};
    if (name == "icmp") return std::vector<std::uint8_t>{IPPROTO_ICMP, IPPROTO_ICMPV6};
    if (name == "icmpv4") return std::vector<std::uint8_t>{IPPROTO_ICMP};
    if (name == "icmpv6") return std::vector<std::uint8_t>{IPPROTO_ICMPV6};
    const auto number = parse_port(text);
    if (!number || *number > 255)
        return fail(ErrorCode::kInvalid,
                    "'{}' is not a protocol: expected tcp, udp, sctp, icmp, icmpv4, icmpv6 or a number up to 255",
                    text);
    return std::vector<std::uint8_t>{static_cast<std::uint8_t>(*number)};
}

}  // namespace weft::hubble
