// The expectation of a step, cell by cell.
#pragma once

#include "tests/unit/policy/case_replay.hpp"

namespace weft::policy::test {

struct Cell {
    std::optional<Probe> probe;  // none: no table judges this cell
    char combined = ' ', egress = ' ', ingress = ' ';
};

inline bool is_judged(char wanted) {
    return wanted == '.' || wanted == 'X' || wanted == '#';
}

std::string_view protocol_name(std::uint8_t protocol);

// Every cell, in the order of the table; a judged one once for each family that the table speaks of. Errors: kInvalid
// for rows of another length than the header's, a port that the destination does not have.
Result<std::vector<Cell>> expected_cells(const Json& expect, const CaseWorld& world);

}  // namespace weft::policy::test
