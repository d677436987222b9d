// The way "sockets": pods wired by the real weft-cni to a real weftd, policies through its API, every probe a real
// connection or request (prober.hpp).
#pragma once

#include "tests/policy-cases/case_node.hpp"
#include "tests/policy-cases/prober.hpp"
#include "tests/unit/policy/case_replay.hpp"

namespace weft::test {

class SocketsJudge : public policy::test::CaseJudge {
  public:
    static Result<std::unique_ptr<SocketsJudge>> start(const CaseNodeOptions& options);
    // Only what differs from the world before: pods that stay keep their namespaces and addresses.
    Result<void> apply(const policy::test::CaseWorld& world) override;
    Result<std::vector<policy::test::CaseVerdict>> judge(const policy::test::CaseWorld& world,
                                                         std::span<const policy::test::Probe> probes) override;

  private:
    using Objects = std::map<policy::PolicyName, Json>;
    SocketsJudge(CaseNode node, std::unique_ptr<Prober> prober) : node_(std::move(node)), prober_(std::move(prober)) {}
    Result<void> remove_pods(const policy::World& world);
    Result<void> change_objects(const Objects& objects);
    Result<void> add_pods(const policy::World& world);
    Result<void> ask_again(std::span<const ProbeRequest> requests, std::vector<ProbeOutcome>& outcomes);

    CaseNode node_;
    std::map<std::string, std::vector<IpAddr>> pods_;  // that are wired
    Objects objects_;                                  // that weftd has
    std::unique_ptr<Prober> prober_;                   // its sockets go before the namespaces
};

}  // namespace weft::test
