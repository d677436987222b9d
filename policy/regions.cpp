#include "policy/regions.hpp"

#include <algorithm>

namespace weft::policy {

namespace {

std::vector<Cidr> worlds() {
    return {Cidr::of(IpAddr::from_v4(0), 0), Cidr{}};
}

std::vector<Cidr> all_prefixes(std::span<const IpBlock* const> blocks, const NodeFacts& node) {
    std::vector<Cidr> out = worlds();
    for (const auto* block : blocks) {
        out.push_back(block->cidr);
        out.insert(out.end(), block->except.begin(), block->except.end());
    }
    out.insert(out.end(), node.pod_ranges.begin(), node.pod_ranges.end());
    out.insert(out.end(), node.no_masquerade.begin(), node.no_masquerade.end());
    std::ranges::sort(out);
    const auto rest = std::ranges::unique(out);
    out.erase(rest.begin(), rest.end());
    return out;
}

bool holds(const std::vector<Cidr>& ranges, const Cidr& prefix) {
    return std::ranges::any_of(ranges, [&](const Cidr& range) { return range.contains(prefix); });
}

// What changes at a region's edge: blocks that begin here, blocks that leave it out.
struct Edge {
    std::vector<std::uint32_t> begins;
    std::vector<std::uint32_t> leaves;
};

std::vector<std::uint32_t> apply(const std::vector<std::uint32_t>& outer, Edge& edge) {
    std::vector<std::uint32_t> kept;
    std::ranges::sort(edge.leaves);
    std::ranges::sort(edge.begins);
    std::ranges::set_difference(outer, edge.leaves, std::back_inserter(kept));
    std::vector<std::uint32_t> out;
    std::ranges::merge(kept, edge.begins, std::back_inserter(out));
    return out;
}

}  // namespace

std::size_t Regions::index(const Cidr& prefix) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(regions_, prefix, {}, &Region::prefix) - regions_.begin());
}

void Regions::nest() {
    std::vector<int> around;
    for (std::size_t i = 0; i < regions_.size(); ++i) {
        while (!around.empty() &&
               !regions_[static_cast<std::size_t>(around.back())].prefix.contains(regions_[i].prefix))
            around.pop_back();
        regions_[i].parent = around.empty() ? -1 : around.back();
        around.push_back(static_cast<int>(i));
    }
}

Result<Regions> Regions::of(std::span<const IpBlock* const> blocks, const NodeFacts& node) {
    Regions out;
    for (const auto& prefix : all_prefixes(blocks, node))
        out.regions_.push_back({.prefix = prefix,
                                .pod_range = holds(node.pod_ranges, prefix),
                                .no_masquerade = holds(node.no_masquerade, prefix)});
    out.nest();
    std::vector<Edge> edges(out.regions_.size());
    for (std::uint32_t i = 0; i < blocks.size(); ++i) {
        edges[out.index(blocks[i]->cidr)].begins.push_back(i);
        for (const auto& hole : blocks[i]->except) edges[out.index(hole)].leaves.push_back(i);
    }
    std::size_t memberships = 0;
    for (std::size_t i = 0; i < out.regions_.size(); ++i) {
        Region& region = out.regions_[i];
        const std::uint32_t outer =
            region.parent < 0 ? 0 : out.regions_[static_cast<std::size_t>(region.parent)].blocks;
        if (edges[i].begins.empty() && edges[i].leaves.empty()) {
            region.blocks = outer;
            if (region.parent >= 0) region.inside = out.regions_[static_cast<std::size_t>(region.parent)].inside;
            continue;
        }
        const auto list = apply(out.lists_.list(outer), edges[i]);
        memberships += list.size();
        if (memberships > kMaxMemberships)
            return fail(ErrorCode::kExhausted,
                        "the ipBlocks in force overlap too much: more than {} pairs of prefix and block",
                        kMaxMemberships);
        region.blocks = out.lists_.number(list);
        std::vector<std::uint32_t> inside;
        std::ranges::copy_if(list, std::back_inserter(inside), [&](std::uint32_t at) { return !blocks[at]->outside; });
        region.inside = out.lists_.number(inside);
    }
    return out;
}

const Region& Regions::find(const IpAddr& ip) const {
    const Cidr exact{ip, ip.bits()};
    auto at = static_cast<int>(std::ranges::upper_bound(regions_, exact, {}, &Region::prefix) - regions_.begin()) - 1;
    while (!regions_[static_cast<std::size_t>(at)].prefix.contains(ip))
        at = regions_[static_cast<std::size_t>(at)].parent;
    return regions_[static_cast<std::size_t>(at)];
}

}  // namespace weft::policy
