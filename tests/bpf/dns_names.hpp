// Automata of DNS names for a world.
#pragma once

#include <string>
#include <vector>

#include "tests/bpf/world.hpp"

namespace weft::test {

// Writes row `index` of `dns_automata`. The class of a set of patterns is the first's index plus one.
void put_automaton(const World& world, std::uint32_t index, std::uint32_t serial,
                   const std::vector<std::string>& patterns);

}  // namespace weft::test
