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
                     const std::set<std::uint32_t>& stable_endpoints, bool strict, const std::optional<Known>& known)
    : state_(state), image_(image), stable_endpoints_(stable_endpoints), strict_(strict) {
    known ? collect_pairs(*known) : collect_pairs();
    assign_numbers();
    assign_newcomers();
    if (known) mark_moved(*known);
}

void ClassPlan::mark_moved(const Known& known) {
    for (auto& group : groups_) {
        group.moved = true;
        if (!group.parent || group.fresh) continue;
        const auto stood = known.image_class.find(*group.parent);
        group.moved = stood == known.image_class.end() || stood->second != group.target;
    }
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

std::optional<ClassPlan::Pair> ClassPlan::leaving_pair(const Cidr& cidr, const weft_addr& row) const {
    return Pair{row.class_id, class_of(longest_prefix(image_.cidrs, cidr, false))};
}

void ClassPlan::collect_pairs() {
    for (const auto& [address, wanted] : image_.addresses) ++pairs_[pair_of(address, wanted)];
    for (const auto& [cidr, wanted] : image_.cidrs) ++pairs_[pair_of(cidr, wanted)];
    for (const auto& [address, row] : state_.addresses)
        if (!image_.addresses.contains(address))
            if (const auto pair = leaving_pair(address, row)) ++pairs_[*pair];
    for (const auto& [cidr, row] : state_.cidrs)
        if (!image_.cidrs.contains(cidr)) ++pairs_[*leaving_pair(cidr, row)];
}

template <typename Key, typename Wanted, typename Present, typename Touched>
void ClassPlan::collect_touched(const Wanted& wanted, const Present& present, const Touched& touched,
                                std::unordered_map<std::uint32_t, std::size_t>& looked_at) {
    for (const auto& [key, before] : touched) {
        const auto next = wanted.find(key);
        const auto row = present.find(key);
        if (row != present.end()) ++looked_at[row->second.class_id];
        if (next != wanted.end())
            ++pairs_[pair_of(key, next->second)];
        else if (row != present.end())
            if (const auto pair = leaving_pair(key, row->second)) ++pairs_[*pair];
    }
}

// What is not touched stays of the image class that its kernel class stood for.
void ClassPlan::collect_pairs(const Known& known) {
    std::unordered_map<std::uint32_t, std::size_t> looked_at;  // by kernel class
    collect_touched<IpAddr>(image_.addresses, state_.addresses, known.delta.addresses, looked_at);
    collect_touched<Cidr>(image_.cidrs, state_.cidrs, known.delta.cidrs, looked_at);
    for (const auto& [number, rows] : state_.classes) {
        const auto seen = looked_at.find(number);
        const auto left = rows.carried() - (seen == looked_at.end() ? 0 : seen->second);
        if (left == 0) continue;
        // Unknown addresses are merged into class 0, whatever they were.
        staying_[number] = number == WEFT_CLASS_UNKNOWN ? WEFT_CLASS_UNKNOWN : known.image_class.at(number);
        pairs_[{number, staying_[number]}] += left;
    }
}

// Whether a packet or a table may know it.
bool ClassPlan::is_used(std::uint32_t number) const {
    return number == WEFT_CLASS_UNKNOWN || state_.classes.contains(number) || state_.recent_classes.contains(number) ||
           given_.contains(number);
}

std::uint32_t ClassPlan::fresh_number(std::uint32_t preferred) {
    if (is_used(preferred)) {
        while (is_used(lowest_unused_)) ++lowest_unused_;
        preferred = lowest_unused_;
    }
    given_.insert(preferred);
    return preferred;
}

// Groups with a parent: for each kernel class one group keeps its number, the one that has rows which are not touched,
// else best the one whose image number is the same, else the largest. Class 0 has no rows of its own and can stand for
// image class 0 only.
void ClassPlan::assign_numbers() {
    for (auto first = pairs_.begin(); first != pairs_.end();) {
        const auto parent = first->first.first;
        auto last = first;
        while (last != pairs_.end() && last->first.first == parent) ++last;
        if (!parent) {
            first = last;
            continue;
        }
        const auto staying = staying_.find(*parent);
        auto keeper = pairs_.find({parent, staying == staying_.end() ? *parent : staying->second});
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
    return groups_[pairs_.at(*leaving_pair(cidr, row))].number;
}

}  // namespace weft::maps
