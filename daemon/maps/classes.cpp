#include "daemon/maps/classes.hpp"

#include <algorithm>

namespace weft::maps {

namespace {

std::uint32_t class_of(const weft_addr* row) {
    return row == nullptr ? WEFT_CLASS_UNKNOWN : row->class_id;
}
std::uint32_t class_of(const policy::Address* row) {
    return row == nullptr ? WEFT_CLASS_UNKNOWN : row->class_id;
}

}  // namespace

ClassPlan::ClassPlan(const KernelState& state, const policy::Image& image,
                     const std::set<std::uint32_t>& stable_endpoints, bool strict)
    : state_(state), image_(image), stable_endpoints_(stable_endpoints), strict_(strict) {
    used_.insert(state.recent_classes.begin(), state.recent_classes.end());
    used_.insert(WEFT_CLASS_UNKNOWN);
    for (const auto& [address, row] : state.addresses) used_.insert(row.class_id);
    for (const auto& [cidr, row] : state.cidrs) used_.insert(row.class_id);
    for (const auto& [key, run] : state.policy_classes) used_.insert(key.second);
    collect_pairs();
    assign_numbers();
    assign_newcomers();
}

ClassPlan::Pair ClassPlan::pair_of(const IpAddr& address, const policy::Address& wanted) const {
    if (const auto row = state_.addresses.find(address); row != state_.addresses.end())
        return {row->second.class_id, wanted.class_id};
    const bool new_pod = wanted.endpoint != 0 && !stable_endpoints_.contains(wanted.endpoint);
    if (new_pod || !strict_) return {std::nullopt, wanted.class_id};
    return {class_of(state_.find(address)), wanted.class_id};
}

ClassPlan::Pair ClassPlan::pair_of(const Cidr& cidr, const policy::Address& wanted) const {
    const auto row = state_.cidrs.find(cidr);
    return {row != state_.cidrs.end() ? row->second.class_id : class_of(state_.parent(cidr)), wanted.class_id};
}

std::optional<ClassPlan::Pair> ClassPlan::leaving_pair(const IpAddr& address, const weft_addr& row) const {
    const bool leaving_pod = row.endpoint != 0 && !stable_endpoints_.contains(row.endpoint);
    if (leaving_pod || !strict_) return std::nullopt;
    return Pair{row.class_id, class_of(longest_prefix(image_.cidrs, Cidr::of(address, address.bits()), true))};
}

ClassPlan::Pair ClassPlan::leaving_pair(const Cidr& cidr, const weft_addr& row) const {
    return {row.class_id, class_of(longest_prefix(image_.cidrs, cidr, false))};
}

void ClassPlan::collect_pairs() {
    for (const auto& [address, wanted] : image_.addresses) ++pairs_[pair_of(address, wanted)];
    for (const auto& [cidr, wanted] : image_.cidrs) ++pairs_[pair_of(cidr, wanted)];
    for (const auto& [address, row] : state_.addresses)
        if (!image_.addresses.contains(address))
            if (const auto pair = leaving_pair(address, row)) ++pairs_[*pair];
    for (const auto& [cidr, row] : state_.cidrs)
        if (!image_.cidrs.contains(cidr)) ++pairs_[leaving_pair(cidr, row)];
}

std::uint32_t ClassPlan::fresh_number(std::uint32_t preferred) {
    if (used_.insert(preferred).second) return preferred;
    while (!used_.insert(lowest_unused_).second) ++lowest_unused_;
    return lowest_unused_;
}

// Groups with a parent: for each kernel class one group keeps its number, best the one whose image number is the same,
// else the largest. Class 0 has no rows of its own and can stand for image class 0 only.
void ClassPlan::assign_numbers() {
    for (auto first = pairs_.begin(); first != pairs_.end();) {
        const auto parent = first->first.first;
        auto last = first;
        while (last != pairs_.end() && last->first.first == parent) ++last;
        if (!parent) {
            first = last;
            continue;
        }
        auto keeper = pairs_.find({parent, *parent});
        if (keeper == pairs_.end() && *parent != WEFT_CLASS_UNKNOWN)
            keeper = std::max_element(first, last, [](const auto& a, const auto& b) { return a.second < b.second; });
        for (auto pair = first; pair != last; ++pair) {
            const bool keeps = pair == keeper;
            const auto target = pair->first.second;
            const auto number = keeps ? *parent : fresh_number(target);
            pair->second = groups_.size();
            groups_.push_back({parent, target, number, !keeps});
        }
        first = last;
    }
}

// Addresses without a past join the class that their image class has in the kernel, if it has one.
void ClassPlan::assign_newcomers() {
    std::map<std::uint32_t, std::uint32_t> number_of;
    for (const auto& group : groups_) {
        const auto [known, added] = number_of.emplace(group.target, group.number);
        if (!added && known->second != group.target && (group.number == group.target || group.number < known->second))
            known->second = group.number;
    }
    number_of[WEFT_CLASS_UNKNOWN] = WEFT_CLASS_UNKNOWN;
    for (auto& [pair, index] : pairs_) {
        if (pair.first) continue;
        const auto known = number_of.find(pair.second);
        const bool fresh = known == number_of.end();
        index = groups_.size();
        groups_.push_back({std::nullopt, pair.second, fresh ? fresh_number(pair.second) : known->second, fresh});
    }
}

std::uint32_t ClassPlan::number(const IpAddr& address, const policy::Address& wanted) const {
    return groups_[pairs_.at(pair_of(address, wanted))].number;
}

std::uint32_t ClassPlan::number(const Cidr& cidr, const policy::Address& wanted) const {
    return groups_[pairs_.at(pair_of(cidr, wanted))].number;
}

std::uint32_t ClassPlan::leaving(const IpAddr& address, const weft_addr& row) const {
    const auto pair = leaving_pair(address, row);
    return pair ? groups_[pairs_.at(*pair)].number : row.class_id;
}

std::uint32_t ClassPlan::leaving(const Cidr& cidr, const weft_addr& row) const {
    return groups_[pairs_.at(leaving_pair(cidr, row))].number;
}

}  // namespace weft::maps
