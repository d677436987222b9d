#include "daemon/api/handlers.hpp"
#include "daemon/maps/kernel_reader.hpp"

namespace weft::api {

namespace {

constexpr std::string_view kGatewayMac = "02:77:65:66:74:01";  // WEFT_GATEWAY_MAC; a test compares

Json added_json(const Context& context, const endpoint::Endpoint& endpoint) {
    Json ips = Json::array();
    for (const auto& ip : endpoint.ips) {
        const auto gateway = context.ipam.gateway(ip.is_v4());
        ips.push_back(
            {{"address", fmt::format("{}/{}", ip.text(), ip.bits())}, {"gateway", gateway ? gateway->text() : ""}});
    }
    return {{"id", endpoint.id},
            {"ips", std::move(ips)},
            {"mtu", context.node.mtu},
            {"gateway_mac", kGatewayMac},
            {"bpf_dir", context.pins.root.string()}};
}

// The record, with what follows from it.
Json shown_json(const reconcile::View& view, const endpoint::Endpoint& endpoint) {
    Json out = endpoint::to_json(endpoint);
    out["labels"] = view.state.labels(endpoint);
    out["policies"] = {{"egress", 0}, {"ingress", 0}};
    out["identity"] = 0;
    for (const auto& ip : endpoint.ips) {
        const auto row = view.image.addresses.find(ip);
        if (row == view.image.addresses.end()) continue;
        out["identity"] = row->second.identity;
        out["class"] = row->second.class_id;
    }
    if (const auto row = view.image.endpoints.find(endpoint.id); row != view.image.endpoints.end())
        out["policies"] = {{"egress", row->second[0]}, {"ingress", row->second[1]}};
    return out;
}

// What the kernel's rows say of this endpoint, against its record.
void compare_rows(const maps::KernelState& kernel, const endpoint::Endpoint& record, std::vector<std::string>& out) {
    const auto row = kernel.endpoints.find(record.id);
    if (row == kernel.endpoints.end()) {
        out.push_back(fmt::format("map endpoints has no row {}", record.id));
    } else {
        if (row->second.ifindex != record.host_ifindex)
            out.push_back(fmt::format("map endpoints: row {} is of interface {}, recorded {}", record.id,
                                      row->second.ifindex, record.host_ifindex));
        if (const auto mac = std::to_array(row->second.mac); mac != record.mac)
            out.push_back(fmt::format("map endpoints: row {} has MAC {}, recorded {}", record.id,
                                      endpoint::mac_text(mac), endpoint::mac_text(record.mac)));
    }
    for (const auto& ip : record.ips) {
        const auto address = kernel.addresses.find(ip);
        if (address == kernel.addresses.end() || address->second.endpoint != record.id)
            out.push_back(fmt::format("map {}: {} does not lead to endpoint {}", ip.is_v4() ? "addr4" : "addr6",
                                      ip.text(), record.id));
    }
}

Result<endpoint::Attachment> attachment_of(const Call& call) {
    endpoint::Attachment out{call.path.at("container_id"), call.path.at("ifname")};
    WEFT_CHECK(endpoint::check_attachment(out, "$"));
    return out;
}

}  // namespace

Result<Reply> add_endpoint(Context& context, const Call& call) {
    WEFT_TRY(body, parse_json(call.body));
    WEFT_TRY(wanted, endpoint::parse_endpoint(JsonView(body)));
    WEFT_TRY(added, context.registry.add(wanted));
    return json_reply(added_json(context, added), 201);
}

Result<Reply> list_endpoints(Context& context, const Call&) {
    Json out = Json::array();
    context.reconciler.read([&](const reconcile::View& view) {
        for (const auto& [id, endpoint] : view.state.endpoints()) out.push_back(shown_json(view, *endpoint));
    });
    return json_reply(out);
}

Result<Reply> get_endpoint(Context& context, const Call& call) {
    WEFT_TRY(id, number_parameter(call, "id"));
    Json out;
    context.reconciler.read([&](const reconcile::View& view) {
        if (const auto at = view.state.endpoints().find(id); at != view.state.endpoints().end())
            out = shown_json(view, *at->second);
    });
    if (out.is_null()) return fail(ErrorCode::kNotFound, "there is no endpoint {}", id);
    return json_reply(out);
}

Result<Reply> delete_endpoint(Context& context, const Call& call) {
    WEFT_TRY(attachment, attachment_of(call));
    const auto removed = context.registry.remove(attachment);
    if (!removed) return std::unexpected(removed.error());
    return Reply{204, ""};
}

Result<Reply> check_endpoint(Context& context, const Call& call) {
    WEFT_TRY(attachment, attachment_of(call));
    WEFT_TRY(body, parse_json(call.body));
    const JsonView view(body);
    WEFT_TRY(found, endpoint::parse_endpoint(view));
    if (found.attachment != attachment) return view.error("another container or interface than the path's");
    WEFT_TRY(differences, context.registry.check(found));
    WEFT_TRY(record, context.registry.find(attachment));
    WEFT_TRY(kernel, maps::read_kernel(context.pins));
    compare_rows(kernel, record, differences);
    return json_reply({{"differences", differences}});
}

Result<Reply> patch_labels(Context& context, const Call& call) {
    WEFT_TRY(id, number_parameter(call, "id"));
    WEFT_TRY(body, parse_json(call.body));
    const JsonView view(body);
    WEFT_CHECK(view.only({"labels"}));
    WEFT_TRY(member, view.member("labels"));
    WEFT_TRY(labels, policy::parse_labels(member));
    WEFT_CHECK(context.registry.set_labels(id, labels));
    Call again;
    again.path["id"] = std::to_string(id);
    return get_endpoint(context, again);
}

Result<Reply> collect_garbage(Context& context, const Call& call) {
    WEFT_TRY(body, parse_json(call.body));
    const JsonView view(body);
    WEFT_CHECK(view.only({"network", "attachments"}));
    WEFT_TRY(network_member, view.member("network"));
    WEFT_TRY(network, network_member.string());
    WEFT_TRY(list_member, view.member("attachments"));  // an empty list removes all: it must be said
    WEFT_TRY(list, list_member.array());
    std::set<endpoint::Attachment> keep;
    for (const auto& item : list) {
        WEFT_TRY(attachment, endpoint::parse_attachment(item));
        keep.insert(std::move(attachment));
    }
    WEFT_TRY(removed, context.registry.gc(network, keep));
    Json out = Json::array();
    for (const auto& endpoint : removed)
        out.push_back({{"container_id", endpoint.attachment.container_id},
                       {"ifname", endpoint.attachment.ifname},
                       {"host_ifname", endpoint.host_ifname}});
    return json_reply({{"removed", std::move(out)}});
}

}  // namespace weft::api
