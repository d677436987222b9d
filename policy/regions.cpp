#include "policy/regions.hpp"

#include <algorithm>

namespace weft::policy {

namespace {

bool holds(const std::vector<Cidr>& ranges, const Cidr& prefix) {
    return std::ranges::any_of(ranges, [&](const Cidr& range) { return range.contains(prefix); });
}

using List = ListInterner::List;

List apply(const List& outer, Region& edge) {
    List kept, out;
    std::ranges::sort(edge.leaves);
    std::ranges::sort(edge.begins);
    std::ranges::set_difference(outer, edge.leaves, std::back_inserter(kept));
    std::ranges::merge(kept, edge.begins, std::back_inserter(out));
    return out;
}

}  // namespace

void Regions::set_node(const NodeFacts& node) {
    node_ = node;
    use(Cidr::of(IpAddr::from_v4(0), 0));
    use(Cidr{});
    for (const auto& range : node.pod_ranges) use(range);
    for (const auto& range : node.no_masquerade) use(range);
}

Region& Regions::use(const Cidr& prefix) {
    dirty_.insert(prefix);
    auto& region = regions_[prefix];
    ++region.users;
    return region;
}

void Regions::leave(const Cidr& prefix) {
    dirty_.insert(prefix);
    const auto at = regions_.find(prefix);
    if (--at->second.users > 0) return;
    memberships_ -= at->second.own;
    lists_.release(at->second.blocks);
    if (!gone_.emplace(prefix, at->second.inside).second) lists_.release(at->second.inside);
    regions_.erase(at);
}

void Regions::add(std::uint32_t atom, const IpBlock& block) {
    outside_[atom] = block.outside;
    use(block.cidr).begins.push_back(atom);
    for (const auto& hole : block.except) use(hole).leaves.push_back(atom);
}

void Regions::remove(std::uint32_t atom, const IpBlock& block) {
    std::erase(regions_.at(block.cidr).begins, atom);
    leave(block.cidr);
    for (const auto& hole : block.except) {
        std::erase(regions_.at(hole).leaves, atom);
        leave(hole);
    }
}

// The region around the one at `at`; the parents of all that stand before it are right.
const Region* Regions::around(std::map<Cidr, Region>::const_iterator at) const {
    if (at == regions_.begin()) return nullptr;
    const Region* out = &std::prev(at)->second;
    while (out != nullptr && !out->prefix.contains(at->first)) out = out->parent;
    return out;
}

// Takes over the caller's hold of the lists.
void Regions::give(Region& region, std::uint32_t blocks, std::uint32_t inside, bool fresh) {
    if (fresh || region.blocks != blocks || region.inside != inside) changed_.push_back(region.prefix);
    const std::uint32_t before = fresh && region.parent != nullptr ? region.parent->inside : region.inside;
    if (before != inside) changed_inside_.push_back(region.prefix);
    lists_.release(region.blocks);
    lists_.release(region.inside);
    region.blocks = blocks;
    region.inside = inside;
}

Result<void> Regions::recompute(Region& region) {
    const bool fresh = !region.settled;
    region.settled = true;
    const std::uint32_t outer = region.parent == nullptr ? 0 : region.parent->blocks;
    memberships_ -= region.own;
    region.own = 0;
    if (region.begins.empty() && region.leaves.empty()) {
        const std::uint32_t inside = region.parent == nullptr ? 0 : region.parent->inside;
        lists_.hold(outer);
        lists_.hold(inside);
        give(region, outer, inside, fresh);
        return {};
    }
    const auto list = apply(lists_.list(outer), region);
    region.own = list.size();
    memberships_ += region.own;
    if (memberships_ > kMaxMemberships)
        return fail(ErrorCode::kExhausted,
                    "the ipBlocks in force overlap too much: more than {} pairs of prefix and block", kMaxMemberships);
    List inside;
    std::ranges::copy_if(list, std::back_inserter(inside), [&](std::uint32_t atom) { return !outside_.at(atom); });
    const auto blocks = lists_.acquire(list);
    give(region, blocks, lists_.acquire(inside), fresh);
    return {};
}

Result<void> Regions::settle() {
    changed_.clear();
    changed_inside_.clear();
    std::optional<Cidr> done;
    for (const auto& prefix : dirty_) {
        if (done && done->contains(prefix) && regions_.contains(prefix)) continue;
        if (!regions_.contains(prefix)) changed_.push_back(prefix);
        if (done && done->contains(prefix)) continue;
        for (auto at = regions_.lower_bound(prefix); at != regions_.end() && prefix.contains(at->first); ++at) {
            Region& region = at->second;
            region.prefix = at->first;
            region.parent = around(at);
            region.pod_range = holds(node_.pod_ranges, at->first);
            region.no_masquerade = holds(node_.no_masquerade, at->first);
            WEFT_CHECK(recompute(region));
        }
        done = prefix;
    }
    dirty_.clear();
    for (const auto& [prefix, inside] : gone_) {
        if (find(prefix).inside != inside) changed_inside_.push_back(prefix);
        lists_.release(inside);
    }
    gone_.clear();
    return {};
}

const Region& Regions::find(const Cidr& prefix) const {
    const Region* at = &std::prev(regions_.upper_bound(prefix))->second;
    while (!at->prefix.contains(prefix)) at = at->parent;
    return *at;
}

}  // namespace weft::policy
