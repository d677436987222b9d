#include "daemon/endpoint/registry.hpp"

#include <algorithm>

#include "common/log.hpp"
#include "daemon/endpoint/presence.hpp"
#include "datapath/abi/endpoint.h"

namespace weft::endpoint {

Result<std::uint32_t> free_number(const std::map<std::uint32_t, reconcile::EndpointPtr>& endpoints,
                                  std::uint32_t after) {
    constexpr std::uint32_t kNumbers = WEFT_NODE_ENDPOINT - 1;
    for (std::uint32_t i = 0; i < kNumbers; ++i) {
        const std::uint32_t candidate = (after + i) % kNumbers + 1;
        if (!endpoints.contains(candidate)) return candidate;
    }
    return fail(ErrorCode::kExhausted, "this node has {} pods, the most that weft serves", kNumbers);
}

Result<Endpoint> Registry::add(const Endpoint& wanted) {
    Endpoint added;
    const auto done = reconciler_.submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
        added = wanted;
        if (const auto known = state.find(wanted.attachment); known != nullptr)
            return fail(ErrorCode::kExists, "container {} has interface {} already: endpoint {}",
                        wanted.attachment.container_id, wanted.attachment.ifname, known->id);
        WEFT_TRY(id, free_number(state.endpoints(), last_number_));
        last_number_ = id;
        WEFT_TRY(ips, ipam_.allocate(wanted.ips, ipam::boot_seconds()));
        undo.arm([this, ips] { ipam_.take_back(ips); });
        added.id = id;
        added.ips = std::move(ips);
        WEFT_CHECK(store_.add_endpoint(added));
        state.put(added, undo);
        return {};
    });
    if (!done)
        return wrap(done.error(), fmt::format("add {} of container {}", wanted.attachment.ifname,
                                              wanted.attachment.container_id.substr(0, 13)));
    return added;
}

Result<void> Registry::remove_in(reconcile::State& state, std::uint32_t id, Rollback& undo) {
    const auto endpoint = state.endpoints().at(id);
    const auto now = ipam::boot_seconds();
    const auto until = ipam_.release(endpoint->ips, now);
    undo.arm([this, endpoint] {
        const auto again = ipam_.allocate(endpoint->ips, 0);
        if (!again) spdlog::error("take back the release of endpoint {}: {}", endpoint->id, again.error().text());
    });
    WEFT_CHECK(store_.remove_endpoint(id, until, now));
    state.erase_endpoint(id, undo);
    return {};
}

Result<bool> Registry::remove(const Attachment& attachment) {
    bool removed = false;
    const auto done = reconciler_.submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
        const auto known = state.find(attachment);
        removed = known != nullptr;
        return removed ? remove_in(state, known->id, undo) : Result<void>{};
    });
    if (!done)
        return wrap(done.error(),
                    fmt::format("delete {} of container {}", attachment.ifname, attachment.container_id.substr(0, 13)));
    return removed;
}

Result<std::vector<Endpoint>> Registry::gc(const std::string& network, const std::set<Attachment>& keep) {
    std::vector<Endpoint> removed;
    const auto done = reconciler_.submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
        removed.clear();
        for (const auto& [id, endpoint] : state.endpoints())
            if (endpoint->network == network && !keep.contains(endpoint->attachment)) removed.push_back(*endpoint);
        for (const auto& endpoint : removed) WEFT_CHECK(remove_in(state, endpoint.id, undo));
        return {};
    });
    if (!done) return wrap(done.error(), fmt::format("collect garbage of network {}", network));
    return removed;
}

Result<void> Registry::set_labels(std::uint32_t id, const policy::Labels& labels) {
    const auto done = reconciler_.submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
        const auto at = state.endpoints().find(id);
        if (at == state.endpoints().end()) return fail(ErrorCode::kNotFound, "there is no endpoint {}", id);
        Endpoint changed = *at->second;
        changed.labels = labels;
        WEFT_CHECK(store_.update_endpoint(changed));
        state.put(changed, undo);
        return {};
    });
    return done ? Result<void>{} : std::unexpected(done.error());
}

Result<Endpoint> Registry::find(const Attachment& attachment) {
    reconcile::EndpointPtr known;
    reconciler_.read([&](const reconcile::View& view) { known = view.state.find(attachment); });
    if (known == nullptr)
        return fail(ErrorCode::kNotFound, "container {} has no interface {} here", attachment.container_id,
                    attachment.ifname);
    return *known;
}

Result<std::vector<std::string>> Registry::check(const Endpoint& found) {
    WEFT_TRY(known, find(found.attachment));
    std::vector<std::string> out;
    const auto compare = [&](std::string_view what, const auto& recorded, const auto& there) {
        if (recorded != there) out.push_back(fmt::format("{}: recorded {}, found {}", what, recorded, there));
    };
    compare("host interface", known.host_ifname, found.host_ifname);
    compare("host interface index", known.host_ifindex, found.host_ifindex);
    compare("MAC address", mac_text(known.mac), mac_text(found.mac));
    if (found.netns_inode != 0) compare("network namespace inode", known.netns_inode, found.netns_inode);
    for (const auto& ip : found.ips)
        if (std::ranges::find(known.ips, ip) == known.ips.end())
            out.push_back(fmt::format("address {} is not this interface's", ip.text()));
    for (const auto& ip : known.ips)
        if (std::ranges::find(found.ips, ip) == found.ips.end())
            out.push_back(fmt::format("address {} is missing", ip.text()));
    return out;
}

Result<void> Registry::restore(reconcile::State& state, Rollback& undo) {
    WEFT_TRY(records, store_.endpoints());
    WEFT_TRY(addresses, store_.addresses());
    ipam_.restore(addresses);
    for (const auto& endpoint : records) {
        state.put(endpoint, undo);
        const auto here = presence_of(endpoint);
        if (here.host_interface) continue;
        spdlog::warn("endpoint {} ({} of container {}): host interface {} is gone{}", endpoint.id,
                     endpoint.attachment.ifname, endpoint.attachment.container_id, endpoint.host_ifname,
                     here.netns ? ", its network namespace is not: kept" : " and so is its network namespace: removed");
        if (!here.netns) WEFT_CHECK(remove_in(state, endpoint.id, undo));
    }
    return {};
}

Result<std::vector<Endpoint>> Registry::remove_vanished() {
    std::set<Attachment> missing;
    std::vector<Endpoint> removed;
    for (const auto& endpoint : list()) {
        const auto here = presence_of(*endpoint);
        if (!here.host_interface && !here.netns) missing.insert(endpoint->attachment);
    }
    std::erase_if(missing_, [&](const Attachment& one) { return !missing.contains(one); });
    std::swap(missing_, missing);
    if (missing.empty()) return removed;
    const auto done = reconciler_.submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
        removed.clear();
        for (const auto& attachment : missing) {
            const auto endpoint = state.find(attachment);
            if (endpoint == nullptr) continue;
            removed.push_back(*endpoint);
            WEFT_CHECK(remove_in(state, endpoint->id, undo));
        }
        return {};
    });
    if (!done) return wrap(done.error(), "remove pods that have vanished");
    return removed;
}

std::vector<reconcile::EndpointPtr> Registry::list() {
    std::vector<reconcile::EndpointPtr> out;
    reconciler_.read([&](const reconcile::View& view) {
        for (const auto& [id, endpoint] : view.state.endpoints()) out.push_back(endpoint);
    });
    return out;
}

}  // namespace weft::endpoint
