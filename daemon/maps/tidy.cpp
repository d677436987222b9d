#include "daemon/maps/tidy.hpp"

#include <set>

#include "daemon/maps/tables.hpp"

namespace weft::maps {

namespace {

// For each image class the kernel class to keep: the one that most rows carry, else the lowest.
std::map<std::uint32_t, std::uint32_t> keepers(const KernelState& state,
                                               const std::map<std::uint32_t, std::uint32_t>& image_class) {
    std::map<std::uint32_t, std::pair<std::size_t, std::uint32_t>> best;
    for (const auto& [number, rows] : state.classes) {
        const auto known = image_class.find(number);
        if (known == image_class.end() || rows.carried() == 0) continue;
        const auto [keeper, added] = best.emplace(known->second, std::pair(rows.carried(), number));
        auto& [most, kept] = keeper->second;
        if (added || rows.carried() < most || (rows.carried() == most && number > kept)) continue;
        most = rows.carried();
        kept = number;
    }
    std::map<std::uint32_t, std::uint32_t> result;
    for (const auto& [target, keeper] : best) result.emplace(target, keeper.second);
    // Unknown addresses have no rows: their class needs none, and class 0 is always there.
    if (result.contains(WEFT_CLASS_UNKNOWN)) result[WEFT_CLASS_UNKNOWN] = WEFT_CLASS_UNKNOWN;
    return result;
}

template <typename Put, typename Key>
void move(const std::map<Key, weft_addr>& rows, const Key& key, std::uint32_t to, std::vector<Write>& out) {
    auto moved = rows.at(key);
    moved.class_id = to;
    out.emplace_back(Put{key, moved});
}

}  // namespace

std::vector<Write> unreachable_rows(const KernelState& state) {
    const auto tables = tables_in_force(state);
    std::vector<Write> writes;
    for (const auto& [key, run] : state.policy_classes)
        if (!tables.contains(key.first) || state.classes.at(key.second).carried() == 0)
            writes.emplace_back(PutPolicyClass{key, std::nullopt});
    for (const auto& [number, run] : state.policies)
        if (!tables.contains(number)) writes.emplace_back(PutPolicy{number, {}});
    return writes;
}

std::vector<Write> merged_classes(const KernelState& state, const std::map<std::uint32_t, std::uint32_t>& image_class) {
    const auto keeper_of = keepers(state, image_class);
    std::vector<Write> writes;
    for (const auto& [number, rows] : state.classes) {
        const auto known = image_class.find(number);
        if (known == image_class.end() || rows.carried() == 0) continue;
        const auto keeper = keeper_of.at(known->second);
        if (keeper == number) continue;
        for (const auto& address : rows.addresses) move<PutAddress>(state.addresses, address, keeper, writes);
        for (const auto& cidr : rows.cidrs) move<PutCidr>(state.cidrs, cidr, keeper, writes);
    }
    if (!writes.empty()) writes.emplace_back(PutEpoch{next_generation(state.control.generation), state.control.epoch});
    return writes;
}

}  // namespace weft::maps
