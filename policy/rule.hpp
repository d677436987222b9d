// What every policy kind is parsed into: the compiler knows only this.
//
// A policy selects subjects. In a direction that it isolates, what no rule of any policy allows is denied. Rules are
// decided by tier (lowest first), then priority (lowest first); within both, deny wins over allow. `pass` leaves the
// decision to the next tier. NetworkPolicy rules are allow rules, all of one tier and priority.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/ip_addr.hpp"
#include "policy/image.hpp"
#include "policy/selector.hpp"

namespace weft::policy {

// Pods by labels. With `namespace_` only those of that namespace, else those of the namespaces that the selector
// matches.
struct PodSet {
    std::optional<std::string> namespace_;
    LabelSelector namespaces;  // of no account when namespace_ is given
    LabelSelector pods;

    std::string text() const;  // canonical: equal texts mean equal sets
    friend bool operator==(const PodSet&, const PodSet&) = default;
};

// Addresses in `cidr` but in none of `except`; pods' addresses too.
struct IpBlock {
    Cidr cidr;
    std::vector<Cidr> except;  // sorted, unique, each a strict part of cidr

    bool contains(const IpAddr& ip) const;
    std::string text() const;
    friend bool operator==(const IpBlock&, const IpBlock&) = default;
};

using Peer = std::variant<PodSet, IpBlock>;

inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kSctp = 132;

// Ports of one protocol: `name` as the receiving pod defines it for that protocol, or the numbers first..last.
struct PortMatch {
    std::uint8_t protocol = kTcp;
    std::string name;  // empty: by number
    std::uint16_t first = 0;
    std::uint16_t last = 0xffff;
    friend auto operator<=>(const PortMatch&, const PortMatch&) = default;
};

enum class Action { kAllow, kDeny, kPass };

struct Rule {
    Direction direction = Direction::kIngress;
    Action action = Action::kAllow;
    int tier = 0;
    int priority = 0;
    int index = 0;  // position in the object's list
    bool any_peer = false;
    std::vector<Peer> peers;       // when not any_peer: one of them
    bool any_port = false;         // every protocol, ICMP too
    std::vector<PortMatch> ports;  // when not any_port: one of them
    friend bool operator==(const Rule&, const Rule&) = default;
};

// A parsed policy object.
struct Policy {
    PolicyName name;
    PodSet subject;
    std::array<bool, 2> isolates{};  // by Direction
    std::vector<Rule> rules;         // only of directions that the policy is about
    Json object;                     // as it was given
    std::string key() const;         // "NetworkPolicy/namespace/name"
};

std::string_view to_string(Direction direction);  // "egress", "ingress"

}  // namespace weft::policy
