// Compiled policies in the maps `policies` and `policy_classes`: where a class stands is decided here, and nowhere else
// (layout: datapath/abi/policy.h). One writer at a time.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "common/result.hpp"
#include "datapath/abi/policy.h"
#include "datapath/loader/map.hpp"

namespace weft::maps {

class PolicyRows {
  public:
    // Both maps, with what stands in them.
    static Result<PolicyRows> open(const datapath::Pins& pins);

    // The port set for classes without one of their own; count 0: the policy is not in use.
    Result<void> put(std::uint32_t policy, const weft_port_set& others);
    // The port set of a class other than WEFT_CLASS_UNKNOWN; nothing: it has none of its own. Other classes' sets are
    // never out of sight meanwhile.
    Result<void> put(std::uint32_t policy, std::uint32_t class_id, const std::optional<weft_port_set>& set);

    // Policies in use, and every class with a set of its own.
    Result<void> for_each(const std::function<void(std::uint32_t policy, const weft_port_set& others)>& policy,
                          const std::function<void(std::uint32_t policy, std::uint32_t class_id,
                                                   const weft_port_set& set)>& class_) const;

    std::uint32_t max_policies() const { return policies_.raw().max_entries(); }
    std::uint32_t max_classes() const { return classes_.raw().max_entries(); }

  private:
    Result<weft_policy> row(std::uint32_t policy) const;
    Result<void> put_elsewhere(std::uint32_t policy, weft_policy& row, std::uint32_t class_id,
                               const weft_port_set& set);
    Result<void> erase_elsewhere(std::uint32_t policy, weft_policy& row, std::uint32_t class_id);

    datapath::Map<std::uint32_t, weft_policy> policies_;
    datapath::Map<weft_policy_class_key, weft_port_set> classes_;
    std::unordered_map<std::uint32_t, std::uint32_t> elsewhere_;  // policy -> its rows in policy_classes
};

}  // namespace weft::maps
