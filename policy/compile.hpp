// The policy compiler: from a world to the tables of this node (DESIGN 2.2). Pure: the same world and numbers give the
// same image.
//
// Only policies that select a local pod are in force; only their selectors, blocks and named egress ports make classes.
// Pods on the host network are their node: neither subject nor peer. Of two pods that claim one address, the local one
// has it, then the one with the lower key.
#pragma once

#include "policy/image.hpp"
#include "policy/numbers.hpp"
#include "policy/world.hpp"

namespace weft::policy {

// (policy, class) pairs over all tables: the size of the datapath's table (datapath/abi, compared by a test).
inline constexpr std::size_t kMaxPolicyClasses = 1U << 20;

// Reserved identities (Cilium's numbers).
inline constexpr std::uint32_t kIdentityUnknown = 0;
inline constexpr std::uint32_t kIdentityHost = 1;
inline constexpr std::uint32_t kIdentityWorld = 2;
inline constexpr std::uint32_t kIdentityRemoteNode = 6;
inline constexpr std::uint32_t kIdentityKubeApiserver = 7;

// Errors: kExhausted when numbers or tables do not suffice; kInvalid for labels that cannot be. `world` is not changed;
// numbers that were asked for before an error stay given until forget_unused.
Result<Image> compile(const World& world, Numbers& numbers);

}  // namespace weft::policy
