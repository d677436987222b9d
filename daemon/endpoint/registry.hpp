// Adds, checks and removes the pods of this node. Thread-safe: everything happens as a change of the reconciler.
//
// Nothing of a pod is freed without proof that its network namespace is gone: the runtime's DEL, its list of
// attachments (GC), or the absence of both its host interface and its namespace: at the start, or at two looks while
// the daemon runs.
#pragma once

#include "daemon/ipam/ipam.hpp"
#include "daemon/reconcile/reconciler.hpp"

namespace weft::endpoint {

class Registry {
  public:
    Registry(reconcile::Reconciler& reconciler, store::Store& store, ipam::Ipam& ipam)
        : reconciler_(reconciler), store_(store), ipam_(ipam) {}

    // Gives the number and the addresses; returns once its policies are enforced. `wanted.ips` are those asked for.
    // Errors: kExists (that attachment is there), kExhausted (numbers, addresses), kInvalid (addresses asked for).
    Result<Endpoint> add(const Endpoint& wanted);
    // Whether there was one. Idempotent.
    Result<bool> remove(const Attachment& attachment);
    // Removes every endpoint of `network` that is not in `keep`; returns the removed.
    Result<std::vector<Endpoint>> gc(const std::string& network, const std::set<Attachment>& keep);
    Result<void> set_labels(std::uint32_t id, const policy::Labels& labels);
    Result<Endpoint> find(const Attachment& attachment);
    // What differs between the record and what the caller found. Error kNotFound.
    Result<std::vector<std::string>> check(const Endpoint& found);

    // Part of the daemon's first change: the records into the state. What is gone by proof is removed; what merely
    // looks strange is reported.
    Result<void> restore(reconcile::State& state, Rollback& undo);

    // Removes the pods of which neither host interface nor namespace is there, now and at the call before: a runtime
    // that died never says so. Calls are longer apart than an ADD takes, whose device is not there at first. Not
    // thread-safe with itself.
    Result<std::vector<Endpoint>> remove_vanished();

    std::vector<reconcile::EndpointPtr> list();

  private:
    Result<void> remove_in(reconcile::State& state, std::uint32_t id, Rollback& undo);

    reconcile::Reconciler& reconciler_;
    store::Store& store_;
    ipam::Ipam& ipam_;
    std::set<Attachment> missing_;   // at the last look of remove_vanished()
    std::uint32_t last_number_ = 0;  // given out; touched by changes only, and those are one after the other
};

// The next number behind `after`, around the end, that no endpoint has: one that was freed a moment ago is the last to
// be given again, for then the applier must wait for the packets that may still know it as another pod's (Plan::
// reuses_endpoint). Error kExhausted.
Result<std::uint32_t> free_number(const std::map<std::uint32_t, reconcile::EndpointPtr>& endpoints,
                                  std::uint32_t after);

}  // namespace weft::endpoint
