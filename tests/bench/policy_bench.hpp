// Parts of the policy benchmark.
#pragma once

#include <optional>
#include <string>

#include "tests/bench/policy_node.hpp"

namespace weft::bench {

struct Row {
    std::string name;
    double value = 0;
    std::string unit;
    std::string against = {};
    std::optional<double> ratio = {};
    std::optional<double> at_most = {};  // bar: of the ratio if there is one, else of the value
    std::optional<double> at_least = {};
};
void print(const Row& row);

// The first packet between the two pods that have devices, nothing remembered of them: with everything in force beside
// a node with one policy.
void bench_first_packet(PolicyNode& full, const std::string& source, const std::string& destination);

}  // namespace weft::bench
