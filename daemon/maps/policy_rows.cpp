#include "daemon/maps/policy_rows.hpp"

#include <algorithm>

#include "datapath/abi/names.h"

namespace weft::maps {

Result<PolicyRows> PolicyRows::open(const datapath::Pins& pins) {
    PolicyRows rows;
    WEFT_TRY(policies, (datapath::Map<std::uint32_t, weft_policy>::open(pins, WEFT_MAP_POLICIES)));
    WEFT_TRY(classes, (datapath::Map<weft_policy_class_key, weft_port_set>::open(pins, WEFT_MAP_POLICY_CLASSES)));
    rows.policies_ = std::move(policies);
    rows.classes_ = std::move(classes);
    WEFT_CHECK(rows.classes_.for_each(
        [&](const weft_policy_class_key& key, const weft_port_set&) { ++rows.elsewhere_[key.policy]; }));
    return rows;
}

Result<weft_policy> PolicyRows::row(std::uint32_t policy) const {
    WEFT_TRY(row, policies_.lookup(policy));
    return row.value_or(weft_policy{});
}

Result<void> PolicyRows::put(std::uint32_t policy, const weft_port_set& others) {
    WEFT_TRY(row, row(policy));
    row.others = others;
    row.whole = elsewhere_.contains(policy) ? 0 : 1;
    return policies_.update(policy, row);
}

Result<void> PolicyRows::put(std::uint32_t policy, std::uint32_t class_id, const std::optional<weft_port_set>& set) {
    WEFT_TRY(row, row(policy));
    const auto place_of = [&](std::uint32_t wanted) {
        return std::ranges::find_if(row.classes, [&](const auto& place) { return place.class_id == wanted; });
    };
    const auto own = place_of(class_id), free = place_of(WEFT_CLASS_UNKNOWN);
    if (own == std::end(row.classes)) {
        const bool stands_elsewhere = !row.whole && elsewhere_.contains(policy);
        if (!set) return stands_elsewhere ? erase_elsewhere(policy, row, class_id) : Result<void>{};
        if (free == std::end(row.classes)) return put_elsewhere(policy, row, class_id, *set);
        if (stands_elsewhere) {
            WEFT_TRY(there, classes_.lookup({policy, class_id}));
            if (there) return classes_.update({policy, class_id}, *set);
        }
    }
    const auto place = own != std::end(row.classes) ? own : free;
    place->class_id = set ? class_id : WEFT_CLASS_UNKNOWN;
    place->set = set.value_or(weft_port_set{});
    row.whole = elsewhere_.contains(policy) ? 0 : 1;
    return policies_.update(policy, row);
}

// Killed in between: packets look in vain where nothing stands yet, which costs them only time.
Result<void> PolicyRows::put_elsewhere(std::uint32_t policy, weft_policy& row, std::uint32_t class_id,
                                       const weft_port_set& set) {
    if (row.whole) {
        row.whole = 0;
        WEFT_CHECK(policies_.update(policy, row));
    }
    WEFT_TRY(there, classes_.lookup({policy, class_id}));
    WEFT_CHECK(classes_.update({policy, class_id}, set));
    if (!there) ++elsewhere_[policy];
    return {};
}

Result<void> PolicyRows::erase_elsewhere(std::uint32_t policy, weft_policy& row, std::uint32_t class_id) {
    WEFT_TRY(erased, classes_.erase({policy, class_id}));
    if (!erased || --elsewhere_[policy] > 0) return {};
    elsewhere_.erase(policy);
    row.whole = 1;
    return policies_.update(policy, row);
}

Result<void> PolicyRows::for_each(
    const std::function<void(std::uint32_t, const weft_port_set&)>& policy,
    const std::function<void(std::uint32_t, std::uint32_t, const weft_port_set&)>& class_) const {
    WEFT_CHECK(policies_.for_each([&](std::uint32_t number, const weft_policy& row) {
        if (row.others.count != 0) policy(number, row.others);
        for (const auto& place : row.classes)
            if (place.class_id != WEFT_CLASS_UNKNOWN) class_(number, place.class_id, place.set);
    }));
    return classes_.for_each(
        [&](const weft_policy_class_key& key, const weft_port_set& set) { class_(key.policy, key.class_id, set); });
}

}  // namespace weft::maps
