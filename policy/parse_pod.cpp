#include <algorithm>

#include "policy/names.hpp"
#include "policy/parse.hpp"

namespace weft::policy {

namespace {

// Limits on what one pod may bring (the API server has none on ports; a pod has one address a family, CNI allows a
// few).
constexpr std::size_t kMaxPorts = 4096;
constexpr std::size_t kMaxAddresses = 32;

Result<void> read_port(const JsonView& view, std::vector<NamedPort>& out) {
    WEFT_TRY(number_view, view.member("containerPort"));
    WEFT_TRY(number, number_view.integer(1, 65535));
    NamedPort port{{}, kTcp, static_cast<std::uint16_t>(number)};
    WEFT_TRY(protocol, view.find("protocol"));
    if (protocol) {
        WEFT_TRY(value, parse_protocol(*protocol));
        port.protocol = value;
    }
    WEFT_TRY(name_view, view.find("name"));
    if (!name_view) return {};
    WEFT_TRY(name, name_view->string());
    if (name.empty()) return {};
    if (auto problem = port_name_problem(name); !problem.empty())
        return name_view->error(fmt::format("'{}' is not a port name: {}", name.substr(0, 64), problem));
    port.name = std::move(name);
    out.push_back(std::move(port));
    return {};
}

Result<void> read_containers(const JsonView& spec, std::string_view list, bool sidecars_only,
                             std::vector<NamedPort>& out) {
    WEFT_TRY(list_view, spec.find(list));
    if (!list_view) return {};
    WEFT_TRY(containers, list_view->array());
    for (const auto& container : containers) {
        WEFT_TRY(restart, container.string_or("restartPolicy", ""));
        if (sidecars_only && restart != "Always") continue;
        WEFT_TRY(ports_view, container.find("ports"));
        if (!ports_view) continue;
        WEFT_TRY(ports, ports_view->array());
        for (const auto& port : ports) WEFT_CHECK(read_port(port, out));
        if (out.size() > kMaxPorts)
            return ports_view->error(fmt::format("more than {} named ports in a pod", kMaxPorts));
    }
    return {};
}

Result<IpAddr> parse_ip(const JsonView& view) {
    WEFT_TRY(text, view.string());
    auto ip = IpAddr::parse(text);
    if (!ip) return view.error(ip.error().message);
    return ip;
}

Result<std::vector<IpAddr>> read_addresses(const JsonView& status) {
    std::vector<IpAddr> out;
    WEFT_TRY(list, status.find("podIPs"));
    if (list) {
        WEFT_TRY(items, list->array());
        if (items.size() > kMaxAddresses) return list->error(fmt::format("more than {} addresses", kMaxAddresses));
        for (const auto& item : items) {
            WEFT_TRY(ip_view, item.member("ip"));
            WEFT_TRY(ip, parse_ip(ip_view));
            if (std::ranges::find(out, ip) == out.end()) out.push_back(ip);
        }
    }
    WEFT_TRY(single, status.find("podIP"));
    if (single && single->raw() != "") {
        WEFT_TRY(ip, parse_ip(*single));
        if (out.empty()) out.push_back(ip);
    }
    return out;
}

Result<void> read_status(const JsonView& object, Pod& pod) {
    WEFT_TRY(status, object.find("status"));
    if (!status) return {};
    WEFT_TRY(phase, status->string_or("phase", ""));
    WEFT_TRY(addresses, read_addresses(*status));
    if (phase != "Succeeded" && phase != "Failed") pod.addresses = std::move(addresses);
    return {};
}

}  // namespace

Result<Pod> parse_pod(const JsonView& view) {
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "spec", "status"}));
    WEFT_TRY(metadata, parse_metadata(view, Scope::kNamespaced));
    Pod pod;
    pod.namespace_ = std::move(metadata.namespace_);
    pod.name = std::move(metadata.name);
    pod.uid = std::move(metadata.uid);
    pod.labels = std::move(metadata.labels);
    WEFT_TRY(spec, view.find("spec"));
    if (spec) {
        WEFT_TRY(host_network, spec->boolean_or("hostNetwork", false));
        pod.host_network = host_network;
        WEFT_TRY(node, spec->string_or("nodeName", ""));
        pod.node = std::move(node);
        WEFT_CHECK(read_containers(*spec, "containers", false, pod.ports));
        WEFT_CHECK(read_containers(*spec, "initContainers", true, pod.ports));
        std::ranges::sort(pod.ports);
        const auto rest = std::ranges::unique(pod.ports);
        pod.ports.erase(rest.begin(), rest.end());
    }
    WEFT_CHECK(read_status(view, pod));
    return pod;
}

Result<Namespace> parse_namespace(const JsonView& view) {
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "spec", "status"}));
    WEFT_TRY(metadata, parse_metadata(view, Scope::kNamespace));
    Namespace out{std::move(metadata.name), std::move(metadata.labels)};
    out.labels.insert_or_assign(std::string(kNamespaceNameLabel), out.name);
    return out;
}

Result<Node> parse_node(const JsonView& view) {
    WEFT_CHECK(view.only({"apiVersion", "kind", "metadata", "spec", "status"}));
    WEFT_TRY(metadata, parse_metadata(view, Scope::kCluster));
    Node out{std::move(metadata.name), std::move(metadata.labels), {}};
    WEFT_TRY(status, view.find("status"));
    if (!status) return out;
    WEFT_TRY(list, status->find("addresses"));
    if (!list) return out;
    WEFT_TRY(items, list->array());
    if (items.size() > kMaxAddresses) return list->error(fmt::format("more than {} addresses", kMaxAddresses));
    for (const auto& item : items) {
        WEFT_TRY(type, item.string_or("type", ""));
        if (type != "InternalIP" && type != "ExternalIP") continue;
        WEFT_TRY(address, item.member("address"));
        WEFT_TRY(ip, parse_ip(address));
        out.addresses.push_back(ip);
    }
    std::ranges::sort(out.addresses);
    const auto rest = std::ranges::unique(out.addresses);
    out.addresses.erase(rest.begin(), rest.end());
    return out;
}

}  // namespace weft::policy
