// From what the kernel holds and the image that it should enforce to the writes in between, in order. Pure.
//
// The promise: whatever prefix of these writes has been done, and whenever between them a packet reads its rows, the
// packet is judged wholly by the old image or wholly by the new one; after `commit`, by the new one.
//
// Why it holds. Call T0 the compiled policies that the epoch in force names, T1 those that the image wants. A packet
// reads epoch and generation (one load), then the rows of its two addresses, then the two endpoints' policy numbers of
// that epoch, then the tables.
//  1. No table that a packet may read is changed where it can be seen. New tables stand under numbers that nobody
//     names, new port rows in runs that nobody names, rows for fresh classes in T0 under classes that nobody carries.
//     All are free in the sense that no row named them during the last grace period (KernelState::recent_classes; rows
//     of the dead stay in the maps, and so in the mirror, until collect() frees them after one).
//  2. An address that was of kernel class k and becomes one of image class b carries, after step "addresses", the
//     number n of its group (k, b) (classes.hpp). T0[n] = T0[k]: either n is k, or n is fresh and was given k's rows.
//     T1[n] = b's rows. So a packet of the old epoch is judged as of k, whether it read k or n. A packet of the new
//     epoch read the epoch before it read the address, and all addresses had moved before the flip: it read n, and is
//     judged as of b. Prefixes are treated alike, with the class of the prefix around them where they are new or go.
//     Two classes that merge keep two numbers with equal rows in T1, until collect() moves them together: that is
//     after a grace period, when nobody judges by T0 any more, and T1 says the same of both.
//  3. A table serves as T0 and T1 at once (nothing to flip for its endpoints) only if T0[k] = T1[b] for every group.
//  4. Pods that are new or leave: while the transaction flips, the epoch in which they do not belong bars them
//     (kBarredPolicy), as they were or will be unreachable without an address row. Their host ends are down, too.
//     Without a flip, pods that leave are barred before anything is added, so that they never meet what comes.
//  5. The flip is one 8-byte store. Before it everything can be taken back by writing the addresses and endpoints as
//     they were, which is the same argument backwards. After it only erasures follow: rows that no verdict of the new
//     image depends on; those of a packet of the old epoch may, so they wait for a grace period. What fails is found
//     and done by the next transaction.
//  6. A packet on its way may still judge by the epoch before the last flip. Its tables get no rows for classes that
//  are
//     new since, and its policy numbers are written over by the next flip: so a transaction that changes anything waits
//     for a grace period first, if the last flip was not followed by one yet (collect() usually was quicker).
//  7. Whatever changes a row that a decision is made of raises the generation after it: the programs remember verdicts,
//     and of pods also policy numbers and classes, for one generation.
// tests/unit/maps/transaction_test.cpp checks every prefix, and readers that are spread over several, against a naive
// evaluator.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "common/result.hpp"
#include "daemon/maps/classes.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "daemon/maps/port_sets.hpp"
#include "policy/image.hpp"

namespace weft::maps {

struct Plan {
    std::vector<Write> before;       // may fail: then taken back, and nothing has changed for any packet
    std::optional<PutEpoch> commit;  // nothing: no existing decision is altered
    std::vector<Write> after;        // erasures of pods that left
    std::vector<Write> removals;     // erasures of other addresses and prefixes; if `flips`, one grace period later
    std::optional<PutEpoch> end;     // after erasures, so that flow entries made meanwhile are decided afresh
    bool flips = false;
    bool reuses_endpoint = false;  // a new pod has a number that a packet on its way may still know as another's
    // Kernel class -> image class: of all classes, or of those that the change concerns.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> classes;
    bool all_classes = false;
    std::map<std::uint32_t, std::uint32_t> kernel_policy;  // image policy -> kernel policy
    bool empty() const { return before.empty() && !commit && after.empty() && removals.empty(); }
};

// kExhausted, kInternal as in applier.hpp. `known`: the kernel enforces the image that it speaks of; the plan is one
// that looking at everything could have made. `state` must be counted (KernelState::recount), `sets` those of its runs.
Result<Plan> make_plan(const KernelState& state, const policy::Image& image,
                       const std::vector<LocalEndpoint>& endpoints, const NodeSettings& settings, PortSets& sets,
                       const std::optional<Known>& known);

}  // namespace weft::maps
