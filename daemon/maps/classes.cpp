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

template <typename Key, typename Before, typename Wanted, typename Present>
std::vector<TouchedRow<Key>> look_up(const Before& touched, const Wanted& wanted, const Present& present) {
    std::vector<TouchedRow<Key>> out;
    out.reserve(touched.size());
    for (const auto& [key, before] : touched) out.push_back({&key, find_row(wanted, key), find_row(present, key)});
    return out;
}

}  // namespace

Touched Touched::of(const KernelState& state, const policy::Image& image, const policy::ImageDelta& delta) {
    return {look_up<IpAddr>(delta.addresses, image.addresses, state.addresses),
            look_up<Cidr>(delta.cidrs, image.cidrs, state.cidrs)};
}

ClassPlan::ClassPlan(const KernelState& state, const policy::Image& image,
                     const std::set<std::uint32_t>& stable_endpoints, bool strict, const std::optional<Known>& known,
                     const Touched& touched)
    : state_(state), image_(image), stable_endpoints_(stable_endpoints), strict_(strict), known_(known) {
    known ? collect_touched(touched) : collect_pairs();
    assign_numbers();
    assign_newcomers();
    mark_moved();
}

void ClassPlan::mark_moved() {
    if (!known_) return;
    for (auto& group : groups_)
        group.moved = !group.parent || group.fresh || known_->classes.image_of(*group.parent) != group.target;
}

// Whether the kernel class is as it was: rows carry it, and none of them is touched.
bool ClassPlan::stands(std::uint32_t number) const {
    return !parents_.contains(number) && state_.carried(number) > 0;
}

const std::vector<std::size_t>& ClassPlan::of_target(std::uint32_t image_class) {
    auto& out = by_target_[image_class];
    if (!known_ || !listed_.insert(image_class).second) return out;
    for (const auto number : known_->classes.kernels_of(image_class)) {
        if (!stands(number)) continue;
        out.push_back(groups_.size());
        groups_.push_back({number, image_class, number, false, false});
    }
    return out;
}

ClassPlan::Pair ClassPlan::pair_of(const IpAddr& address, const policy::Address& wanted, const weft_addr* row) const {
    if (row != nullptr) return {row->class_id, wanted.class_id};
    const bool new_pod = wanted.endpoint != 0 && !stable_endpoints_.contains(wanted.endpoint);
    if (new_pod || !strict_) return {std::nullopt, wanted.class_id};
    return {class_of(state_.find(address)), wanted.class_id};
}

ClassPlan::Pair ClassPlan::pair_of(const Cidr& cidr, const policy::Address& wanted, const weft_addr* row) const {
    return {class_of(row != nullptr ? row : state_.parent(cidr)), wanted.class_id};
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
    for (const auto& [address, wanted] : image_.addresses)
        ++pairs_[pair_of(address, wanted, find_row(state_.addresses, address))];
    for (const auto& [cidr, wanted] : image_.cidrs) ++pairs_[pair_of(cidr, wanted, find_row(state_.cidrs, cidr))];
    for (const auto& [address, row] : state_.addresses)
        if (!image_.addresses.contains(address))
            if (const auto pair = leaving_pair(address, row)) ++pairs_[*pair];
    for (const auto& [cidr, row] : state_.cidrs)
        if (!image_.cidrs.contains(cidr)) ++pairs_[*leaving_pair(cidr, row)];
}

template <typename Key>
void ClassPlan::collect_touched(const std::vector<TouchedRow<Key>>& rows,
                                std::unordered_map<std::uint32_t, std::size_t>& looked_at) {
    for (const auto& [key, wanted, row] : rows) {
        if (row != nullptr) ++looked_at[row->class_id];
        if (wanted != nullptr)
            ++pairs_[pair_of(*key, *wanted, row)];
        else if (row != nullptr)
            if (const auto pair = leaving_pair(*key, *row)) ++pairs_[*pair];
    }
}

void ClassPlan::collect_touched(const Touched& touched) {
    std::unordered_map<std::uint32_t, std::size_t> looked_at;  // by kernel class
    collect_touched(touched.addresses, looked_at);
    collect_touched(touched.cidrs, looked_at);
    for (const auto& [pair, rows] : pairs_)
        if (pair.first) parents_.insert(*pair.first);
    for (const auto number : parents_) add_staying(number, looked_at[number]);
}

// The rows of a kernel class that are not touched stay of the image class that it stood for.
void ClassPlan::add_staying(std::uint32_t number, std::size_t touched) {
    const auto left = state_.carried(number) - touched;
    if (left == 0) return;
    // Unknown addresses are merged into class 0, whatever they were.
    const auto stood = number == WEFT_CLASS_UNKNOWN ? std::optional<std::uint32_t>(WEFT_CLASS_UNKNOWN)
                                                    : known_->classes.image_of(number);
    sound_ &= stood.has_value();
    staying_[number] = stood.value_or(WEFT_CLASS_UNKNOWN);
    pairs_[{number, staying_[number]}] += left;
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

// The kernel class that addresses without a past join: the one of the image's number, else the lowest.
std::optional<std::uint32_t> ClassPlan::standing_for(std::uint32_t image_class) const {
    std::optional<std::uint32_t> best;
    const auto look = [&](std::uint32_t number) {
        if (!best || (*best != image_class && (number == image_class || number < *best))) best = number;
    };
    if (image_class == WEFT_CLASS_UNKNOWN) return image_class;
    if (const auto groups = by_target_.find(image_class); groups != by_target_.end())
        for (const auto group : groups->second) look(groups_[group].number);
    if (known_)
        for (const auto number : known_->classes.kernels_of(image_class))
            if (stands(number)) look(number);
    return best;
}

void ClassPlan::assign_newcomers() {
    for (std::size_t i = 0; i < groups_.size(); ++i) by_target_[groups_[i].target].push_back(i);
    for (auto& [pair, index] : pairs_) {
        if (pair.first) continue;
        const auto known = standing_for(pair.second);
        index = groups_.size();
        groups_.push_back({std::nullopt, pair.second, known ? *known : fresh_number(pair.second), !known});
        by_target_[pair.second].push_back(index);
    }
}

std::uint32_t ClassPlan::number(const IpAddr& address, const policy::Address& wanted, const weft_addr* row) const {
    return groups_[pairs_.at(pair_of(address, wanted, row))].number;
}

std::uint32_t ClassPlan::number(const Cidr& cidr, const policy::Address& wanted, const weft_addr* row) const {
    return groups_[pairs_.at(pair_of(cidr, wanted, row))].number;
}

std::uint32_t ClassPlan::leaving(const IpAddr& address, const weft_addr& row) const {
    const auto pair = leaving_pair(address, row);
    return pair ? groups_[pairs_.at(*pair)].number : row.class_id;
}

std::uint32_t ClassPlan::leaving(const Cidr& cidr, const weft_addr& row) const {
    return groups_[pairs_.at(*leaving_pair(cidr, row))].number;
}

}  // namespace weft::maps
