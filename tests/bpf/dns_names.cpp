#include "tests/bpf/dns_names.hpp"

#include <algorithm>
#include <memory>

#include "datapath/abi/dns.h"
#include "policy/dns_automaton.hpp"

namespace weft::test {

void put_automaton(const World& world, std::uint32_t index, std::uint32_t serial,
                   const std::vector<std::string>& patterns) {
    const auto made = policy::build_dns_automaton(patterns).value();
    const auto row = std::make_unique<weft_dns_automaton>();
    row->serial = serial;
    row->columns = made.columns;
    row->start = made.start;
    row->dot = made.dot;
    std::ranges::copy(made.column_of, row->column_of);
    std::ranges::copy(made.next, row->next);
    for (std::size_t state = 0; state < made.class_of.size(); ++state) {
        const auto& matched = made.classes[made.class_of[state]];
        row->class_of[state] = static_cast<std::uint16_t>(matched.empty() ? 0 : matched[0] + 1);
    }
    const auto automata = datapath::MapFd::open(world.pins(), WEFT_MAP_DNS_AUTOMATA, sizeof index, sizeof *row).value();
    automata.update(&index, row.get()).value();
}

}  // namespace weft::test
