// A mirror of the rows that weftd owns in the kernel's maps, and one write to them. Plain values; no kernel call.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "common/ip_addr.hpp"
#include "datapath/abi/control.h"
#include "datapath/abi/dns.h"
#include "datapath/abi/endpoint.h"
#include "datapath/abi/policy.h"

namespace weft::maps {

// 0 is no generation: an empty slot has it.
constexpr std::uint32_t next_generation(std::uint32_t generation) {
    return generation == 0xffffffffU ? 1 : generation + 1;
}

// A pod of this node with its device.
struct LocalEndpoint {
    std::uint32_t number = 0;   // 1 .. WEFT_MAX_ENDPOINTS - 1
    std::uint32_t ifindex = 0;  // host end of the veth pair
    std::uint32_t identity = 0;
    std::array<std::uint8_t, 6> mac{};  // pod end
};

// The part of the control row that is settings.
struct NodeSettings {
    std::uint32_t uplink_ifindex = 0;   // 0: none, nothing is masqueraded
    bool allow_host = true;             // traffic between a pod and its own node passes whatever the policies say
    std::optional<IpAddr> masquerade4;  // nothing: that family is not masqueraded
    std::optional<IpAddr> masquerade6;
    std::optional<IpAddr> gateway4;  // the pods': errors about their packets come from it
    std::optional<IpAddr> gateway6;
    std::uint16_t masquerade_port_first = 32768;
    std::uint16_t masquerade_port_last = 60999;
    std::uint32_t timeout_tcp = 86400;  // seconds idle
    std::uint32_t timeout_closing = 10;
    std::uint32_t timeout_udp = 60;
    std::uint32_t timeout_other = 60;
    std::uint32_t timeout_half_open = 60;
    std::uint32_t drop_interval_ms = 1000;
};

struct PortRun {  // weft_port_set with an order
    std::uint32_t start = 0;
    std::uint32_t count = 0;
    friend auto operator<=>(const PortRun&, const PortRun&) = default;
};

using PolicyClass = std::pair<std::uint32_t, std::uint32_t>;  // policy, class

// One row written, or erased where the value is absent. The order of these alternatives means nothing.
struct PutPortRow {
    std::uint32_t index;
    weft_port_row row;
};
struct PutPolicy {
    std::uint32_t number;
    PortRun run;  // count 0: not in use
};
struct PutPolicyClass {
    PolicyClass key;
    std::optional<PortRun> run;
};
struct PutEndpoint {
    std::uint32_t number;
    weft_endpoint row;  // ifindex 0: not in use
};
struct PutAddress {
    IpAddr address;
    std::optional<weft_addr> row;
};
struct PutCidr {
    Cidr cidr;
    std::optional<weft_addr> row;
};
struct PutControl {  // everything but generation and epoch
    weft_control control;
};
struct PutEpoch {  // the one 8-byte store
    std::uint32_t generation;
    std::uint32_t epoch;
};
struct ResetRule {  // sets the rule's counters to zero
    std::uint32_t rule;
};
using NameRow = std::pair<std::uint32_t, std::uint32_t>;  // list, class of names
struct PutNameRow {
    NameRow key;
    std::optional<weft_dns_row> row;
};
struct PutAutomaton {  // into the place that is not in force
    std::uint32_t index;
    std::shared_ptr<const weft_dns_automaton> row;
};
using Write = std::variant<PutPortRow, PutPolicy, PutPolicyClass, PutEndpoint, PutAddress, PutCidr, PutControl,
                           PutEpoch, ResetRule, PutNameRow, PutAutomaton>;

// What tells automata apart.
struct AutomatonName {
    std::uint32_t serial = 0;  // 0: no policy speaks of names
    std::array<std::uint8_t, 16> digest{};
    static AutomatonName of(const weft_dns_automaton& row);
    friend bool operator==(const AutomatonName&, const AutomatonName&) = default;
};

// How many rows each map can hold.
struct Capacity {
    std::uint32_t addr4 = 0, addr6 = 0, cidr4 = 0, cidr6 = 0;
    std::uint32_t policies = WEFT_MAX_POLICIES;
    std::uint32_t policy_classes = WEFT_MAX_POLICY_CLASSES;
    std::uint32_t port_rows = WEFT_MAX_PORT_ROWS;
    std::uint32_t rules = WEFT_MAX_RULES;
    std::uint32_t name_rows = WEFT_MAX_DNS_ROWS;
};

// The rows that carry a class.
struct ClassRows {
    std::size_t addresses = 0;   // how many carry it
    std::vector<IpAddr> joined;  // those, and some that left: who they are is asked seldom, and they move by thousands
    std::set<Cidr> cidrs;
    std::vector<std::uint32_t> tables;  // those with a row for it, in no order
    std::size_t carried() const { return addresses + cidrs.size(); }
    bool none() const { return carried() == 0 && tables.empty(); }
};

using AddressRows = std::unordered_map<IpAddr, weft_addr>;  // there may be very many
using CidrRows = std::map<Cidr, weft_addr>;

struct KernelState {
    Capacity capacity;
    weft_control control{};
    std::map<std::uint32_t, weft_endpoint> endpoints;  // rows in use
    AddressRows addresses;
    CidrRows cidrs;
    std::map<std::uint32_t, PortRun> policies;  // rows in use
    std::map<PolicyClass, PortRun> policy_classes;
    std::map<std::uint32_t, weft_port_row> port_rows;  // every row that some run names
    std::map<NameRow, weft_dns_row> name_rows;
    std::array<AutomatonName, 2> automata;
    // What some packet on its way may still carry, though no row says it any more: gone since the last grace period.
    std::set<std::uint32_t> recent_classes;
    std::set<std::uint32_t> recent_endpoints;

    // What follows from the rows above; recount() makes it, apply() keeps it right.
    std::unordered_map<std::uint32_t, ClassRows> classes;
    std::array<std::size_t, 2> address_rows{}, cidr_rows{};  // IPv4, IPv6
    std::map<PortRun, std::size_t> run_holders;              // rows of tables that name the run
    std::set<PortRun> unnamed_runs;                          // named once, and by none now

    void recount();
    void apply(const Write& write);
    // The write that brings back the present row of what `write` is about to change.
    Write inverse(const Write& write) const;
    void grace_passed();
    // Forgets the rows of runs that no table names, and says which runs these were.
    std::vector<PortRun> forget_unnamed_port_rows();
    // The addresses that carry the class, ascending.
    std::vector<IpAddr> addresses_of(const ClassRows& rows, std::uint32_t number) const;
    // Rows that carry the class.
    std::size_t carried(std::uint32_t number) const {
        const auto at = classes.find(number);
        return at == classes.end() ? 0 : at->second.carried();
    }
    // The policy numbers that the epoch in force names; `kind`: a direction, or WEFT_AUDIT + it.
    std::uint32_t policy_in_force(const weft_endpoint& row, int kind) const {
        return row.policy[control.epoch & 1][kind];
    }
    std::uint32_t automaton_in_force() const { return control.epoch >> 1 & 1; }
    // What a packet to or from `address` finds: its own row, else the longest prefix, else nothing.
    const weft_addr* find(const IpAddr& address) const;
    // The longest prefix that contains `cidr` and is not `cidr` itself.
    const weft_addr* parent(const Cidr& cidr) const;
};

// The row of `key`, or nullptr.
template <typename Rows>
const typename Rows::mapped_type* find_row(const Rows& rows, const typename Rows::key_type& key) {
    const auto at = rows.find(key);
    return at == rows.end() ? nullptr : &at->second;
}

// The row of the longest prefix in `cidrs` that contains `cidr` (or, with `itself`, is it); nullptr if none does.
template <typename Row>
const Row* longest_prefix(const std::map<Cidr, Row>& cidrs, const Cidr& cidr, bool itself) {
    for (int length = itself ? cidr.length : cidr.length - 1; length >= 0; --length)
        if (const auto found = cidrs.find(Cidr::of(cidr.address, length)); found != cidrs.end()) return &found->second;
    return nullptr;
}

bool same(const weft_addr& a, const weft_addr& b);
bool same(const weft_endpoint& a, const weft_endpoint& b);
bool same(const weft_control& a, const weft_control& b);

}  // namespace weft::maps
