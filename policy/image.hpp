// What the policy compiler makes: plain values that the daemon's map writer turns into rows (datapath/abi/policy.h,
// endpoint.h). No kernel struct here; numbers are host order.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/ip_addr.hpp"
#include "policy/digest.hpp"
#include "policy/dns_automaton.hpp"

namespace weft::policy {

enum class Direction : std::uint8_t { kEgress = 0, kIngress = 1 };

// One interval of (protocol << 16 | port), both ends inclusive, with the final verdict and its rule.
struct PortRow {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint32_t rule = 0;
    bool allow = false;
    bool by_default = false;  // a deny because nothing allowed it
    bool audit = false;       // the rule is of a policy in audit mode
    bool unlogged = false;    // an allow whose policy wants no events of it
    std::uint32_t names = 0;  // number of the list of what goes before this row by DNS names; 0: nothing does
    friend bool operator==(const PortRow&, const PortRow&) = default;
};
// Ascending, without gaps or overlaps, from 0 to 0xffffff.
using PortRows = std::vector<PortRow>;

// A compiled policy of one direction; endpoints with the same rules share it.
struct PolicyTable {
    Direction direction = Direction::kEgress;
    PortRows unnamed;                           // for classes that have no rows of their own
    std::map<std::uint32_t, PortRows> classes;  // class -> rows, only where they differ from `unnamed`
    friend bool operator==(const PolicyTable&, const PolicyTable&) = default;
};

// What a row gives way to if the address is known by a name: the first whose patterns match one of the names. All
// allow.
struct NameChoice {
    std::uint32_t rule = 0;
    bool audit = false;  // as in PortRow
    bool unlogged = false;
    std::vector<std::string> patterns;  // sorted
    friend bool operator==(const NameChoice&, const NameChoice&) = default;
};
using NameList = std::vector<NameChoice>;  // highest precedence first

// The patterns of DNS names that the policies in force speak of.
struct DnsNames {
    std::vector<std::string> patterns;  // sorted, unique
    DnsAutomaton automaton;             // classes are sets of indices into `patterns`
    Digest digest;                      // of the patterns, and so of all
    friend bool operator==(const DnsNames&, const DnsNames&) = default;
};

// Shared, never changed once made; equal by value.
struct SharedDnsNames {
    std::shared_ptr<const DnsNames> names;  // null: no policy speaks of any
    friend bool operator==(const SharedDnsNames& a, const SharedDnsNames& b) {
        return a.names == b.names || (a.names && b.names && *a.names == *b.names);
    }
};

struct Address {
    std::uint32_t identity = 0;
    std::uint32_t class_id = 0;
    std::uint32_t endpoint = 0;  // local endpoint number, 0 if none
    bool host = false;
    bool no_masquerade = false;
    bool pod_range = false;
    friend bool operator==(const Address&, const Address&) = default;
};

// A policy object as people name it.
struct PolicyName {
    std::string kind;  // "NetworkPolicy"
    std::string namespace_;
    std::string name;
    std::string text() const;  // "NetworkPolicy default/web", "ClusterNetworkPolicy guard"
    friend auto operator<=>(const PolicyName&, const PolicyName&) = default;
};

// What a rule number stands for.
struct RuleInfo {
    Direction direction = Direction::kEgress;
    bool by_default = false;           // default deny: `policies` isolate the pod
    std::vector<PolicyName> policies;  // the one policy whose rule this is, or all that isolate
    int index = -1;                    // position in its list; -1 for by_default
    std::string place = {};            // "spec.ingressDeny[0]"; empty for by_default
    int tier = 1;                      // rule.hpp: kAdminTier, kNetworkPolicyTier, kBaselineTier
    std::optional<int> priority = {};  // as the object states it; the NetworkPolicy tier's kinds have none
    bool audit = false;                // of a policy in audit mode; by_default: one of those that isolate is
    bool logged = true;                // false: what it allows has no events
    std::string log = {};              // the policy's own text for its flows (Cilium's log.value)
    friend bool operator==(const RuleInfo&, const RuleInfo&) = default;
};

// The labels of an identity, by the objects that say them: there may be as many as pods.
struct IdentityLabels {
    using Map = std::map<std::string, std::string, std::less<>>;
    std::string namespace_;                   // empty: `own` is all
    std::shared_ptr<const Map> own;           // of the pod; may be nothing
    std::shared_ptr<const Map> of_namespace;  // with namespace_

    // As people know them (docs/architecture.md, "Labels of an identity").
    std::map<std::string, std::string> text() const;
    friend bool operator==(const IdentityLabels& a, const IdentityLabels& b);
};

struct Image {
    std::unordered_map<IpAddr, Address> addresses;  // there may be very many
    std::map<Cidr, Address> cidrs;                  // always contains 0.0.0.0/0 and ::/0 (world)
    std::map<std::uint32_t, PolicyTable> policies;  // policy number -> table
    std::map<std::uint32_t, std::array<std::uint32_t, 2>>
        endpoints;  // endpoint number -> policy number by Direction; 0: not isolated
    // The same, were the policies in audit mode enforced; 0: there are none in that direction. Only endpoints with
    // some.
    std::map<std::uint32_t, std::array<std::uint32_t, 2>> audits;
    std::uint32_t node_endpoint = 0;               // the one of `endpoints` that is the node itself; 0: none
    std::map<std::uint32_t, NameList> name_lists;  // by PortRow::names
    std::set<std::uint32_t> named_policies;        // numbers of `policies` in which some row has such a list
    SharedDnsNames dns;
    std::map<std::uint32_t, RuleInfo> rules;
    std::map<std::uint32_t, IdentityLabels> identities;
    std::vector<std::uint32_t> new_rules;  // numbers that count from zero; filled by who remembers the numbers
    friend bool operator==(const Image&, const Image&) = default;
};

}  // namespace weft::policy
