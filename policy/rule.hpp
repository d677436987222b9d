// What every policy kind is parsed into: the compiler knows only this.
//
// A policy selects subjects. The first rule that matches decides, in the order of tier, priority (both lowest first),
// the policies' names and the rules' places; `pass` leaves the decision to the next tier. A pod that a policy isolates
// in a direction is denied what no rule decides up to the end of the NetworkPolicy tier; the tiers below are then of no
// account. docs/policy.md says which kind stands in which tier.
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
    static PodSet nobody() { return {.namespace_ = "", .namespaces = {}, .pods = {}}; }

    std::optional<std::string> namespace_;
    LabelSelector namespaces;  // of no account when namespace_ is given
    LabelSelector pods;

    std::string text() const;  // canonical: equal texts mean equal sets
    friend bool operator==(const PodSet&, const PodSet&) = default;
};

// Addresses in `cidr` but in none of `except`; pods' and nodes' addresses too, unless it is for the outside only.
struct IpBlock {
    Cidr cidr;
    std::vector<Cidr> except;  // sorted, unique, each a strict part of cidr
    bool outside = false;      // not the addresses of pods, nodes and this node's pod range (Cilium's CIDR peers)

    bool contains(const IpAddr& ip) const;  // by the bits alone
    std::string text() const;
    friend bool operator==(const IpBlock&, const IpBlock&) = default;
};

// Nodes by their labels: the addresses of the Node objects.
struct NodeSet {
    LabelSelector nodes;
    std::string text() const;
    friend bool operator==(const NodeSet&, const NodeSet&) = default;
};

// What an address is, whatever its bits.
enum class Entity : std::uint8_t { kHost, kRemoteNode, kWorld4, kWorld6, kKubeApiserver };

// The addresses of CiliumCIDRGroup objects: of the one named so, or of those with such labels.
struct CidrGroupRef {
    std::string name;
    LabelSelector groups;      // when there is no name
    std::vector<Cidr> except;  // sorted, unique
    std::string text() const;
    friend bool operator==(const CidrGroupRef&, const CidrGroupRef&) = default;
};

// Addresses outside that a DNS answer gave to the pod, for a name that the pattern matches (dns_pattern.hpp). Only in
// egress rules that allow.
struct DnsPeer {
    std::string pattern;
    std::string text() const { return "name " + pattern; }
    friend bool operator==(const DnsPeer&, const DnsPeer&) = default;
};

using Peer = std::variant<PodSet, IpBlock, NodeSet, Entity, CidrGroupRef, DnsPeer>;

inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmpv6 = 58;
inline constexpr std::uint8_t kSctp = 132;

// Ports of one protocol: `name` as the receiving pod defines it for that protocol, or the numbers first..last. Of ICMP
// the number is the type.
struct PortMatch {
    std::uint8_t protocol = kTcp;
    std::string name;  // empty: by number
    std::uint16_t first = 0;
    std::uint16_t last = 0xffff;
    friend auto operator<=>(const PortMatch&, const PortMatch&) = default;
};

enum class Action { kAllow, kDeny, kPass };

inline constexpr int kAdminTier = 0;
inline constexpr int kNetworkPolicyTier = 1;  // NetworkPolicy and Cilium's kinds
inline constexpr int kBaselineTier = 2;
// In the NetworkPolicy tier deny wins over allow.
inline constexpr int kDenyPriority = 0;
inline constexpr int kAllowPriority = 1;
// In the other tiers: the highest that an object may state. What states none stands behind it.
inline constexpr int kMaxPriority = 1000;

struct Rule {
    Direction direction = Direction::kIngress;
    Action action = Action::kAllow;
    int tier = kNetworkPolicyTier;
    int priority = kAllowPriority;
    std::string list;  // the list in the object that the rule stands in: "spec.ingress", "specs[1].egressDeny"
    int index = 0;     // position in it
    bool any_peer = false;
    std::vector<Peer> peers;       // when not any_peer: one of them
    bool any_port = false;         // every protocol, ICMP too
    std::vector<PortMatch> ports;  // when not any_port: one of them
    // Cilium's fromRequires and toRequires. The peers of every rule with `constrained`, of the same direction and
    // action and for the same subject, shrink to pods that are in all of these.
    std::vector<PodSet> required;
    bool constrained = false;

    std::string place() const;  // "spec.ingress[0]"
    // What it says, wherever it stands: equal texts mean rules that match and do the same.
    std::string text() const;
    friend bool operator==(const Rule&, const Rule&) = default;
};

// Rules for one set of subjects: pods, or with `nodes` the nodes themselves.
struct Spec {
    PodSet subject;                  // with `nodes`: nobody()
    std::optional<NodeSet> nodes;    // whose own traffic the rules are for
    std::array<bool, 2> isolates{};  // by Direction
    std::vector<Rule> rules;         // only of directions that the policy is about
    std::string log;                 // text for the flows that it decides

    std::string subject_text() const { return nodes ? nodes->text() : subject.text(); }
};

// A parsed policy object. Most kinds have one spec.
struct Policy {
    PolicyName name;
    bool audit = false;  // it says what it would do, and does nothing
    bool logged = true;  // false: no events of what it allows
    std::vector<Spec> specs;
    Json object;              // as it was given, with apiVersion and kind
    std::string key() const;  // "NetworkPolicy/namespace/name"
};

std::string_view to_string(Direction direction);  // "egress", "ingress"
std::string_view tier_name(int tier);             // "Admin", "NetworkPolicy", "Baseline"

}  // namespace weft::policy
