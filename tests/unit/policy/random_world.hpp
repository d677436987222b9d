// Random worlds, policies and packets from small vocabularies, so that they meet often.
#pragma once

#include <random>

#include "tests/unit/policy/oracle.hpp"

namespace weft::policy::test {

class RandomWorld {
  public:
    explicit RandomWorld(std::uint64_t seed) : random_(seed) {}

    World make();
    // A whole NetworkPolicy object of one of the namespaces.
    Json network_policy(const std::string& name);
    Packet packet(const World& world);
    // One edit as a cluster would see it: a policy put or removed, a pod's labels changed, a namespace relabelled, a
    // pod gone.
    void edit(World& world);

  private:
    int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
    bool chance(int percent) { return below(100) < percent; }
    template <typename T>
    const T& one_of(const std::vector<T>& list) {
        return list[static_cast<std::size_t>(below(static_cast<int>(list.size())))];
    }
    Labels labels();
    Json selector();
    Json expression();
    Json cidr_block();
    Json peer();
    Json port();
    Json rules(const char* peers_field);
    Pod pod(const std::string& namespace_, const std::string& name);
    IpAddr address(bool v6);

    std::mt19937_64 random_;
    std::uint32_t next_endpoint_ = 1;
    int next_address_ = 1;
};

}  // namespace weft::policy::test
