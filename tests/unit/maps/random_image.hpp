// Random images over a small world, in which every kind of change is likely: classes that split, merge and swap their
// numbers, pods that come, go and change class, prefixes that come and go, tables that change under their number.
#pragma once

#include <random>
#include <vector>

#include "daemon/maps/kernel_state.hpp"
#include "policy/image.hpp"
#include "tests/unit/maps/model.hpp"

namespace weft::maps::test {

using Random = std::mt19937;

policy::Image random_image(Random& random);
// `image` with a few changes.
policy::Image changed(const policy::Image& image, Random& random);
// The endpoints of `image`, each with its device.
std::vector<LocalEndpoint> endpoints_of(const policy::Image& image);
// Probes among all the world's addresses with at least one pod of this node in each.
std::vector<Probe> probes();

// Building blocks, for tests that say what they need.
policy::PortRows allow_all(std::uint32_t rule);
policy::PortRows deny_all(std::uint32_t rule);
policy::PortRows allow_port(std::uint32_t number, std::uint32_t rule, std::uint32_t default_rule);
IpAddr ip(const char* text);
Cidr cidr(const char* text);
// 0.0.0.0/0 and ::/0 of class 9, the pod range 10.0.0.0/24.
policy::Image world();
void add_pod(policy::Image& image, const char* address, std::uint32_t endpoint, std::uint32_t class_id,
             std::array<std::uint32_t, 2> policies);

}  // namespace weft::maps::test
