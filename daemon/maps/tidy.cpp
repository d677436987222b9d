#include "daemon/maps/tidy.hpp"

#include <set>

#include "daemon/maps/tables.hpp"

namespace weft::maps {

namespace {

// The kernel class to keep for an image class: the one that most rows carry, else the lowest. Unknown addresses have no
// rows: their class needs none, and class 0 is always there.
std::uint32_t keeper_of(const KernelState& state, const ClassMap& classes, std::uint32_t image_class) {
    std::uint32_t kept = WEFT_CLASS_UNKNOWN;
    std::size_t most = 0;
    if (image_class == WEFT_CLASS_UNKNOWN) return kept;
    for (const auto number : classes.kernels_of(image_class)) {
        const auto carried = state.carried(number);
        if (carried < most || (carried == most && number > kept)) continue;
        most = carried;
        kept = number;
    }
    return kept;
}

template <typename Put, typename Rows, typename Key>
void move(const Rows& rows, const Key& key, std::uint32_t to, std::vector<Write>& out) {
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

std::vector<Write> merged_classes(const KernelState& state, const ClassMap& classes) {
    std::vector<Write> writes;
    for (const auto image_class : classes.split_or_unknown()) {
        const auto keeper = keeper_of(state, classes, image_class);
        for (const auto number : classes.kernels_of(image_class)) {
            if (number == keeper || state.carried(number) == 0) continue;
            const auto& rows = state.classes.at(number);
            for (const auto& address : state.addresses_of(rows, number))
                move<PutAddress>(state.addresses, address, keeper, writes);
            for (const auto& cidr : rows.cidrs) move<PutCidr>(state.cidrs, cidr, keeper, writes);
        }
    }
    if (!writes.empty()) writes.emplace_back(PutEpoch{next_generation(state.control.generation), state.control.epoch});
    return writes;
}

}  // namespace weft::maps
