// Random worlds, policies and packets from small vocabularies, so that they meet often.
#pragma once

#include <random>

#include "tests/unit/policy/oracle.hpp"

namespace weft::policy::test {

class RandomWorld {
  public:
    explicit RandomWorld(std::uint64_t seed) : random_(seed) {}

    World make();
    static constexpr std::uint32_t kNodeEndpoint = 4095;
    static constexpr std::size_t kKinds = 6;  // of policies
    // A whole object of any kind of policy.
    Json policy(const std::string& name);
    void annotate(Json& object);                   // weft.io annotations, others than before or none
    Json network_policy(const std::string& name);  // of one of the namespaces
    Json cluster_network_policy(const std::string& name);
    Json admin_network_policy(const std::string& name, bool baseline);
    Json cilium_policy(const std::string& name, bool clusterwide);
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
    Json cluster_subject();
    Json cluster_peer(bool egress, bool accepts);
    Json cluster_ports(bool names, bool alpha1);
    Json cluster_rules(bool egress, bool alpha1, bool may_pass);
    Json port_or_range(const char* number);
    Json cilium_selector(bool peers);
    Json cilium_cidr_set();
    Json cilium_ports();
    Json cilium_icmps();
    Json cilium_rule(bool egress, bool deny, bool of_nodes);
    Json cilium_spec(bool may_be_of_nodes);
    void cidr_groups(World& world);
    void nodes(World& world);
    Pod pod(const std::string& namespace_, const std::string& name);
    IpAddr address(bool v6);

    std::mt19937_64 random_;
    std::uint32_t next_endpoint_ = 1;
    int next_address_ = 1;
};

}  // namespace weft::policy::test
