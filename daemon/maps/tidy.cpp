#include "daemon/maps/tidy.hpp"

#include <set>

#include "daemon/maps/tables.hpp"

namespace weft::maps {

namespace {

std::set<std::uint32_t> classes_in_use(const KernelState& state) {
    std::set<std::uint32_t> classes;
    for (const auto& [address, row] : state.addresses) classes.insert(row.class_id);
    for (const auto& [cidr, row] : state.cidrs) classes.insert(row.class_id);
    return classes;
}

// For each image class the kernel class to keep: the one of the same number, else the lowest.
std::map<std::uint32_t, std::uint32_t> keepers(const KernelState& state,
                                               const std::map<std::uint32_t, std::uint32_t>& image_class) {
    std::map<std::uint32_t, std::uint32_t> result;
    for (const auto number : classes_in_use(state)) {
        const auto known = image_class.find(number);
        if (known == image_class.end()) continue;
        const auto [keeper, added] = result.emplace(known->second, number);
        if (!added && number == known->second) keeper->second = number;
    }
    // Unknown addresses have no rows: their class needs none, and class 0 is always there.
    if (result.contains(WEFT_CLASS_UNKNOWN)) result[WEFT_CLASS_UNKNOWN] = WEFT_CLASS_UNKNOWN;
    return result;
}

}  // namespace

std::vector<Write> unreachable_rows(const KernelState& state) {
    const auto tables = tables_in_force(state);
    const auto classes = classes_in_use(state);
    std::vector<Write> writes;
    for (const auto& [key, run] : state.policy_classes)
        if (!tables.contains(key.first) || !classes.contains(key.second))
            writes.emplace_back(PutPolicyClass{key, std::nullopt});
    for (const auto& [number, run] : state.policies)
        if (!tables.contains(number)) writes.emplace_back(PutPolicy{number, {}});
    return writes;
}

std::vector<Write> merged_classes(const KernelState& state, const std::map<std::uint32_t, std::uint32_t>& image_class) {
    const auto keeper_of = keepers(state, image_class);
    std::vector<Write> writes;
    const auto merge = [&](const auto& rows, auto put) {
        for (const auto& [key, row] : rows) {
            const auto known = image_class.find(row.class_id);
            if (known == image_class.end()) continue;
            const auto keeper = keeper_of.at(known->second);
            if (keeper == row.class_id) continue;
            auto moved = row;
            moved.class_id = keeper;
            writes.emplace_back(put(key, moved));
        }
    };
    merge(state.addresses, [](const IpAddr& address, const weft_addr& row) { return PutAddress{address, row}; });
    merge(state.cidrs, [](const Cidr& cidr, const weft_addr& row) { return PutCidr{cidr, row}; });
    if (!writes.empty()) writes.emplace_back(PutEpoch{next_generation(state.control.generation), state.control.epoch});
    return writes;
}

}  // namespace weft::maps
